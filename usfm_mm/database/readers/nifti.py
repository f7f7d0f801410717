"""Slices of NIfTI-1 and NIfTI-2 volumes; headers by nibabel."""

import gzip
import math
import zlib
from io import BufferedReader
from pathlib import Path

import nibabel
import numpy as np
from nibabel.spatialimages import HeaderDataError

from usfm_mm.database.readers.clip import Clip, check_size
from usfm_mm.database.readers.limits import MAX_BYTES, check_bytes
from usfm_mm.database.readers.slices import clip_of
from usfm_mm.database.readers.spacing import spacing_of_nifti
from usfm_mm.database.types import Options, RejectedError

_GZIP = b'\x1f\x8b'
_HEADERS = ((344, b'n+1\0', 348), (344, b'ni1\0', 348), (4, b'n+2\0', 540), (4, b'ni2\0', 540))
_PAIRS = (b'ni1', b'ni2')


def open_nifti(path: Path, options: Options) -> Clip:
    """Open a volume, compressed or not, or the header of one whose voxels lie beside it.

    See :func:`~usfm_mm.database.readers.slices.clip_of`.

    Raises:
        RejectedError: It is cut off, damaged, too large or of complex numbers.
    """
    try:
        header = read_header(path)
        pair = header['magic'].item()[:3] in _PAIRS
        shape, dtype = _shape(header), header.get_data_dtype()
        offset = int(header['vox_offset'])
        check_size(shape[1], shape[0], options.max_pixels)
        if dtype.itemsize == 0 or abs(offset) > MAX_BYTES:
            raise RejectedError('damaged', 'its header says nonsense of the voxels')
        if dtype.kind == 'c':
            raise RejectedError('not ultrasound', 'voxels that are no levels of grey')
        count = math.prod(shape) * dtype.itemsize
        check_bytes(count, 'a volume')
        with _opened(_voxels_beside(path) if pair else path) as file:
            file.seek(max(offset, 0 if pair else header.sizeof_hdr))
            data = file.read(count)
    except RejectedError:
        raise
    except (StopIteration, HeaderDataError, ValueError, OverflowError, KeyError):
        raise RejectedError('damaged', 'its header cannot be read') from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise RejectedError('truncated', 'its compressed content is cut off or damaged') from None
    except OSError as error:
        raise RejectedError('unreadable', error.strerror or type(error).__name__) from None
    if len(data) < count:
        raise RejectedError('truncated', 'its voxels are fewer than promised')
    values = np.frombuffer(data, dtype).reshape(shape[::-1])
    if dtype.names:
        clip = clip_of(np.stack([values[name] for name in dtype.names[:3]], axis=-1), colours=True)
    else:
        clip = clip_of(_scaled(values, header), colours=False)
    clip.spacing = spacing_of_nifti(header)
    return clip


def read_header(path: Path) -> nibabel.Nifti1Header:
    """The header, of NIfTI-1 or 2, compressed or not, as it is.

    Raises:
        StopIteration: It is none.
        OSError: It cannot be read.
    """
    with _opened(path) as file:
        head = file.read(540)
    size = next(size for place, magic, size in _HEADERS if head[place : place + 4] == magic)
    kind = nibabel.Nifti1Header if size == 348 else nibabel.Nifti2Header
    return kind(head[:size], check=False)


def _opened(path: Path) -> gzip.GzipFile | BufferedReader:
    with path.open('rb') as file:
        zipped = file.read(2) == _GZIP
    return gzip.open(path) if zipped else path.open('rb')


def _voxels_beside(path: Path) -> Path:
    """The file with the voxels of a header.

    Raises:
        RejectedError: There is none, or it is a link to another file.
    """
    for beside in map(path.with_name, _names_of_voxels(path)):
        if beside.is_symlink():
            raise RejectedError('damaged', 'its voxels are a link to another file')
        if beside.is_file():
            return beside
    raise RejectedError('truncated', 'the file of its voxels is not beside it')


def files_named(path: Path) -> list[str]:
    """What the file beside a header may be called that has its voxels; none where it has them."""
    try:
        pair = read_header(path)['magic'].item()[:3] in _PAIRS
    except (StopIteration, OSError, EOFError, zlib.error):
        return []
    return _names_of_voxels(path) if pair else []


def _names_of_voxels(path: Path) -> list[str]:
    stem = path.with_suffix('') if path.suffix == '.gz' else path
    return [stem.with_suffix(suffix).name for suffix in ('.img', '.img.gz')]


def _shape(header: nibabel.Nifti1Header) -> tuple[int, ...]:
    """Voxels along each axis, at least two."""
    dimensions, *sizes = (int(value) for value in header['dim'])
    shape = tuple(sizes[:dimensions])
    if not 2 <= dimensions <= 7 or min(shape) < 1:
        raise RejectedError('damaged', 'its dimensions are none')
    return shape


def _scaled(values: np.ndarray, header: nibabel.Nifti1Header) -> np.ndarray:
    """Values as the header's slope and intercept make them."""
    slope, shift = header['scl_slope'].item(), header['scl_inter'].item()
    if not (math.isfinite(slope) and math.isfinite(shift) and slope) or (slope, shift) == (1, 0):
        return values
    return values.astype(np.float32) * np.float32(slope) + np.float32(shift)
