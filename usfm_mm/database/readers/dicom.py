"""DICOM, of one frame or many, in every transfer syntax that pydicom's plugins decode."""

import struct
from io import BytesIO
from pathlib import Path
from typing import Any

from pydicom import Dataset, dcmread
from pydicom.encaps import generate_frames
from pydicom.pixels import get_decoder, iter_pixels
from pydicom.pixels.utils import get_expected_length
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGExtended12Bit,
    MPEGTransferSyntaxes,
)

from usfm_mm.database.readers.clip import Clip, Frames, check_size, quiet
from usfm_mm.database.readers.dicom_header import (
    check_ultrasound,
    frame_rate,
    text_fields,
    tissue_regions,
)
from usfm_mm.database.readers.dicom_samples import samples_to_8_bits
from usfm_mm.database.readers.fragments import is_cut_off, value_length
from usfm_mm.database.readers.pixel_layout import PixelLayout, compressed_layout, native_layout
from usfm_mm.database.readers.spacing import spacing_of_dicom
from usfm_mm.database.types import Options, RejectedError


def open_dicom(path: Path, options: Options) -> Clip:
    """Open a DICOM file of ultrasound.

    Samples of more than 8 bits go through the rescale and the first linear window of the header;
    without a window the stored bits become 0 to 255, and signed or 16 bits the range that
    :func:`~usfm_mm.database.readers.clip.sample_range` finds in the frame. 8-bit samples stay as
    they are. MONOCHROME1 is inverted; YBR becomes RGB; palettes are looked up. The number of frames
    and the colours are those of the pixel data where the header says otherwise.

    Raises:
        RejectedError: It is no ultrasound, has no frame, is cut off, encrypted, too large or in a
            syntax that cannot be decoded.
    """
    with quiet():
        header, start, left = _read_header(path)
        check_ultrasound(header)
        syntax = _transfer_syntax(header)
        deflated = syntax == DeflatedExplicitVRLittleEndian
        if 'Rows' not in header or (left == 0 and not deflated):
            reason = 'encrypted' if 'EncryptedAttributesSequence' in header else 'no frames'
            raise RejectedError(reason, 'it has no pixel data')
        try:
            rows, columns = int(header.Rows), int(header.Columns)
            check_size(rows, columns, options.max_pixels)
            clip = Clip(
                read=lambda step: iter(()),
                rate=frame_rate(header),
                regions=tissue_regions(header, rows, columns),
                fields=text_fields(header),
            )
            # Regions that do not fit the picture are of another one, before it was resized or cut.
            if clip.regions or not header.get('SequenceOfUltrasoundRegions'):
                clip.spacing = spacing_of_dicom(header)
            if syntax in MPEGTransferSyntaxes:
                return _open_stream(path, clip, (rows, columns), options)
            _check_decodable(header, syntax)
            # Deflated files have no pixels to seek to; the others are read frame by frame.
            source = dcmread(path, force=True) if deflated else path
            if syntax.is_encapsulated:
                clip.cut_off = is_cut_off(path, start)
                layout = compressed_layout(header, syntax, path, start, options.max_pixels)
            else:
                if isinstance(source, Dataset):
                    length = left = len(source.PixelData)
                else:
                    length = value_length(path, start, *header.original_encoding)
                layout = native_layout(header, min(length, left))
                if left < get_expected_length(header):
                    raise RejectedError('truncated', 'its pixel data is shorter than promised')
            clip.count = layout.frames
            clip.read = lambda step: _read_frames(source, header, syntax, layout, step)
        except RejectedError:
            raise
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError, struct.error):
            raise RejectedError('damaged', 'a field that describes its pixels is wrong') from None
    return clip


def _read_header(path: Path) -> tuple[Dataset, int, int]:
    """Header without pixels, where the pixel data element starts and how many bytes follow."""
    try:
        with path.open('rb') as file:
            header = dcmread(file, stop_before_pixels=True, force=True)
            start = file.tell()
        left = path.stat().st_size - start
    except EOFError:
        raise RejectedError('truncated', 'its header is cut off') from None
    except OSError as error:
        raise RejectedError('unreadable', error.strerror or type(error).__name__) from None
    except Exception:  # pydicom raises many kinds on broken headers
        raise RejectedError('damaged', 'its header cannot be read') from None
    if len(header) == 0:
        raise RejectedError('truncated', 'nothing follows its first bytes')
    return header, start, left


def _transfer_syntax(header: Dataset) -> UID:
    """The file's own, else (no file meta information) what its encoding shows."""
    syntax = header.file_meta.get('TransferSyntaxUID') if hasattr(header, 'file_meta') else None
    if syntax:
        return UID(syntax)
    implicit, little = header.original_encoding
    if implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if little else ExplicitVRBigEndian


def _check_decodable(header: Dataset, syntax: UID) -> None:
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise RejectedError('unsupported compression', 'its transfer syntax is not known') from None
    precision = int(header.get('BitsStored', 8))
    if syntax == JPEGExtended12Bit and precision > 8:
        # Only decoders under the GPL read it; no scanner is known to write it.
        raise RejectedError('unsupported compression', 'JPEG Extended of 12 bits')
    if not decoder.is_available:
        raise RejectedError('unsupported compression', f'no decoder is installed for {syntax.name}')


def _read_frames(
    source: Path | Dataset, header: Dataset, syntax: UID, layout: PixelLayout, step: int
) -> Frames:
    """Decode every step-th frame from the file, one at a time."""
    wanted = list(range(0, layout.frames, step))
    told: dict[str, Any] = {
        'number_of_frames': layout.frames,
        'photometric_interpretation': layout.colours,
        'bits_stored': int(header.BitsStored) + layout.shift,
    }
    # pydicom's iterator takes the frames after the first one of these for YBR_FULL, and fails.
    alone = layout.colours == 'YBR_FULL_422' and not syntax.is_encapsulated
    while wanted:
        # A decoding error ends pydicom's iterator: start again behind the damaged frame.
        # Without indices it reads a compressed clip in one pass.
        every = step == 1 and wanted[0] == 0
        with quiet():
            indices = None if every else list(wanted)
            if isinstance(source, Dataset):
                frames = iter_pixels(source, indices=indices, **told)
            else:
                frames = iter_pixels(source, indices=indices, transfer_syntax_uid=syntax, **told)
        for number in wanted[:]:
            try:
                with quiet():
                    pixels = samples_to_8_bits(next(frames) >> layout.shift, header)
            except MemoryError:
                raise
            except Exception:  # the plugins raise many kinds on damaged data
                pixels = None
            wanted.remove(number)
            yield number, pixels
            if pixels is None or alone:
                break


def _open_stream(path: Path, clip: Clip, size: tuple[int, int], options: Options) -> Clip:
    """A clip that is stored as an MPEG-2, H.264 or H.265 stream."""
    from usfm_mm.database.readers.video import open_video

    dataset = dcmread(path, force=True)
    stream = b''.join(generate_frames(dataset.PixelData, number_of_frames=1))
    video = open_video(BytesIO(stream), options)
    clip.read = video.read
    clip.rate = clip.rate or video.rate
    _, first = next(video.read(1), (0, None))
    if first is None or first.shape[:2] != size:  # the header tells of another size
        clip.spacing = None
    return clip
