"""Slices of NIfTI and MetaImage volumes, by SimpleITK."""

import math
import os
import re
import tempfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from usfm_mm.database.readers.clip import Clip, check_size
from usfm_mm.database.readers.kinds import kind_of
from usfm_mm.database.readers.limits import check_bytes
from usfm_mm.database.readers.nifti import read_header
from usfm_mm.database.readers.slices import clip_of
from usfm_mm.database.readers.spacing import Spacing, spacing_of_metaimage, spacing_of_nifti
from usfm_mm.database.types import Options, RejectedError

_SUFFIXES = {'nifti': ('.nii', '.nii.gz', '.hdr'), 'metaimage': ('.mha', '.mhd')}
_LONGEST_HEADER = 1 << 16
_IMAGE_IO = {'nifti': 'NiftiImageIO', 'metaimage': 'MetaImageIO'}

sitk.ProcessObject.SetGlobalWarningDisplay(False)
sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)


def open_volume(path: Path, options: Options) -> Clip:
    """Open a volume; see :func:`~usfm_mm.database.readers.slices.clip_of`.

    Raises:
        RejectedError: It is cut off, damaged or too large.
    """
    volume = read_volume(path, options.max_pixels)
    clip = clip_of(slices_of(volume), colours=volume.GetNumberOfComponentsPerPixel() > 1)
    if kind_of(path) == 'metaimage':
        clip.spacing = volume_spacing(path)
    return clip


def volume_spacing(path: Path) -> Spacing | None:
    """Height and width of a voxel in mm, where the header of a file that can be read tells."""
    if kind_of(path) == 'metaimage':
        return spacing_of_metaimage(_head(path))
    return spacing_of_nifti(read_header(path))


def read_volume(path: Path, max_pixels: int) -> sitk.Image:
    """Read a volume with its voxels as they are stored.

    Args:
        path: Of a NIfTI or MetaImage file.
        max_pixels: That a slice may have.

    Raises:
        RejectedError: It is cut off, damaged or too large.
    """
    with tempfile.TemporaryDirectory() as folder:
        reader = sitk.ImageFileReader()
        kind = kind_of(path)
        if kind == 'metaimage':
            _check_data_file(path)
        elif path.with_suffix('.img').is_symlink():  # the voxels of a .hdr
            raise RejectedError('damaged', 'its voxels are a link to another file')
        reader.SetImageIO(_IMAGE_IO[kind])
        reader.SetFileName(str(_rightly_named(path, kind, Path(folder))))
        try:
            reader.ReadImageInformation()
            size = reader.GetSize()
        except RuntimeError:
            raise RejectedError('damaged', 'its header cannot be read') from None
        if len(size) < 2:
            raise RejectedError('damaged', f'{len(size)} dimension, and no picture has one')
        check_size(size[1], size[0], max_pixels)
        channels = reader.GetNumberOfComponents()
        sample = sitk.Image([1, 1], reader.GetPixelID(), channels).GetSizeOfPixelComponent()
        check_bytes(math.prod(size) * channels * sample, 'a volume')
        try:
            return reader.Execute()
        except RuntimeError:
            raise RejectedError('truncated', 'its voxels cannot be read') from None


def _check_data_file(path: Path) -> None:
    """Refuse a MetaImage that names a file elsewhere, which could be any file of the machine.

    Raises:
        RejectedError: The voxels are neither in the file itself nor in one beside it.
    """
    named = files_named(path)
    for name in named:
        beside = path.parent / name
        if name.upper() != 'LOCAL' and (
            # LIST and patterns with % name several files
            re.search(r'[/\\%]|^LIST\b|^\.*$', name) or beside.is_symlink()
        ):
            raise RejectedError('damaged', 'its header names a file that is not beside it')
    if not named:
        raise RejectedError('damaged', 'its header does not say where its voxels are')


def files_named(path: Path) -> list[str]:
    """Where the header of a MetaImage says that the voxels are: 'LOCAL', or a file's name."""
    named = re.findall(rb'ElementDataFile\s*[=:][ \t]*([^\r\n]*)', _head(path))
    return [os.fsdecode(name.strip()) for name in named]


def _head(path: Path) -> bytes:
    with path.open('rb') as file:
        return file.read(_LONGEST_HEADER)


def _rightly_named(path: Path, kind: str, folder: Path) -> Path:
    """The file itself, or a link to it.

    The library looks at the name as well, and ends the process over a path that is not UTF-8.
    """
    if path.name.lower().endswith(_SUFFIXES[kind]):
        if _is_utf8(str(path)):
            return path
        if _is_utf8(path.name):
            # The folder, because a header's voxels may lie in a file beside it.
            os.symlink(path.parent.resolve(), folder / 'source')
            return folder / 'source' / path.name
    with path.open('rb') as file:
        zipped = file.read(2) == b'\x1f\x8b'
    link = folder / ('volume.mha' if kind == 'metaimage' else 'volume.nii' + '.gz' * zipped)
    os.symlink(path.resolve(), link)
    return link


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def slices_of(volume: sitk.Image) -> np.ndarray:
    """Stack of slices: [N, H, W], or [N, H, W, 3] of a volume of colours."""
    values = sitk.GetArrayFromImage(volume)
    channels = volume.GetNumberOfComponentsPerPixel()
    if channels == 1:
        return values.reshape(-1, *values.shape[-2:])
    if channels not in (3, 4):
        raise RejectedError('not ultrasound', f'voxels of {channels} values')
    return values.reshape(-1, *values.shape[-3:])[..., :3]
