"""How many frames a DICOM file has and in which colours, where its header is wrong or silent."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset
from pydicom.uid import (
    UID,
    JPEG2000TransferSyntaxes,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    RLELossless,
)

from usfm_mm.database.readers.clip import check_size
from usfm_mm.database.readers.fragments import fragments
from usfm_mm.database.types import RejectedError

_COLOURS = ('MONOCHROME1', 'MONOCHROME2', 'PALETTE COLOR', 'RGB', 'YBR_FULL', 'YBR_FULL_422')
# Of compressed streams, which become RGB when they are decoded.
_COLOURS_OF_STREAMS = ('YBR_ICT', 'YBR_RCT', 'YBR_PARTIAL_420', 'YBR_PARTIAL_422')
_FRAME_HEADERS = (*range(0xFFC0, 0xFFC4), 0xFFF7)
_TOLD = 20
_STREAM_STARTS = (b'\xff\xd8', b'\xff\x4f')  # JPEG and JPEG-LS, JPEG 2000


@dataclass(frozen=True)
class PixelLayout:
    """What the decoder is told.

    Attributes:
        frames: How many the file holds, at least 1.
        colours: The photometric interpretation of the samples as they are stored.
        shift: Bits below the samples, of writers that align them to the left.
    """

    frames: int
    colours: str
    shift: int


def native_layout(header: Dataset, length: int) -> PixelLayout:
    """Of uncompressed pixels.

    Args:
        header: The file's; `NumberOfFrames` may be missing, and be fewer than there are.
        length: Bytes of pixel data.

    Raises:
        RejectedError: Its colours are of a retired kind.
    """
    stated, colours = _stated_frames(header), header.PhotometricInterpretation
    samples = int(header.Rows) * int(header.Columns) * int(header.SamplesPerPixel)
    frame = samples * int(header.BitsAllocated) // 8
    if colours == 'YBR_FULL_422':
        if frame * max(stated, 1) <= length <= frame * max(stated, 1) + 1:
            colours = 'YBR_FULL'  # written without leaving chroma out
        else:
            frame = frame // 3 * 2
    frames = stated
    if frame and (not stated or length % frame <= 1):
        frames = max(stated, length // frame)
    return _layout(header, frames, colours)


def compressed_layout(
    header: Dataset, syntax: UID, path: Path, start: int, max_pixels: int
) -> PixelLayout:
    """Of compressed pixels whose element begins at byte `start`; see :func:`native_layout`."""
    (table, _), *streams = list(fragments(path, start)) or [(0, b'')]
    first = streams[0][1] if streams else b''
    check_size(*(_jpeg_size(first) or (1, 1)), max_pixels)
    colours = header.PhotometricInterpretation
    if int(header.SamplesPerPixel) == 3:
        if syntax in (JPEGBaseline8Bit, JPEGExtended12Bit):
            colours = _jpeg_colours(first) or colours
        elif syntax in JPEG2000TransferSyntaxes and _mixes_components(first):
            colours = 'RGB'  # the decoder undoes it
    frames = _stated_frames(header)
    if table:
        frames = max(frames, table // 4)
    elif syntax == RLELossless:
        frames = frames or len(streams)
    else:
        frames = max(frames, sum(stream.startswith(_STREAM_STARTS) for _, stream in streams))
    # A frame has one fragment at least; of those that are missing, some are told.
    frames = min(frames, len(streams) + _TOLD)
    return _layout(header, frames, colours, syntax)


def _stated_frames(header: Dataset) -> int:
    return max(int(header.get('NumberOfFrames') or 0), 0)


def _layout(header: Dataset, frames: int, colours: str, syntax: UID | None = None) -> PixelLayout:
    known = _COLOURS if syntax is None else _COLOURS + _COLOURS_OF_STREAMS
    if colours not in known:
        raise RejectedError('damaged', 'its photometric interpretation is not read')
    # Streams carry their own precision.
    aligned = syntax is None or syntax == RLELossless
    shift = int(header.get('HighBit', 0)) + 1 - int(header.BitsStored) if aligned else 0
    return PixelLayout(max(frames, 1), colours, max(shift, 0))


def _segments(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and content of each segment of a JPEG or JPEG-LS stream."""
    position = 2
    while position + 4 <= len(stream):
        marker, length = struct.unpack('>HH', stream[position : position + 4])
        yield marker, stream[position + 4 : position + 2 + length]
        position += 2 + length


def _jpeg_size(stream: bytes) -> tuple[int, int] | None:
    """Rows and columns of a JPEG or JPEG-LS stream; a decoder may believe them."""
    if not stream.startswith(_STREAM_STARTS[0]):
        return None
    for marker, body in _segments(stream):
        if marker in _FRAME_HEADERS and len(body) >= 5:
            height, width = struct.unpack('>HH', body[1:5])
            return (height, width) if height and width else None
    return None


def _jpeg_colours(stream: bytes) -> str | None:
    """Of three components, by the rules of JPEG decoders; None where the stream does not tell."""
    for marker, body in _segments(stream):
        if marker == 0xFFE0 and body.startswith(b'JFIF'):
            return 'YBR_FULL'
        if marker == 0xFFEE and body.startswith(b'Adobe') and len(body) >= 12:
            return 'YBR_FULL' if body[11] else 'RGB'
        if 0xFFC0 <= marker <= 0xFFC2:
            names, sampling = body[6::3], body[7::3]
            if names in (b'RGB', b'rgb'):
                return 'RGB'
            subsampled = len(set(sampling)) > 1
            return 'YBR_FULL' if subsampled or names == b'\x01\x02\x03' else None
    return None


def _mixes_components(stream: bytes) -> bool:
    """Whether a JPEG 2000 stream says that its colours were transformed."""
    style = stream.find(b'\xff\x52')  # COD: length, style, progression, layers, transform
    return style >= 0 and stream[style + 8 : style + 9] == b'\x01'
