"""The pixel data element of a DICOM file, found without decoding."""

import struct
from collections.abc import Iterator
from pathlib import Path

from usfm_mm.database.types import RejectedError

_ITEM = (0xFFFE, 0xE000)
_MOST = 500_000
_HEAD = 65536  # bytes that hold the header of any JPEG or JPEG 2000 stream


def fragments(path: Path, start: int) -> Iterator[tuple[int, bytes]]:
    """Length and first bytes of each fragment of compressed pixels, the offset table first.

    Of the table and the first fragment up to 64 KiB, of the others two bytes.

    Args:
        path: A DICOM file with encapsulated pixel data, little endian as the standard demands.
        start: Position of its pixel data element.
    """
    size = path.stat().st_size
    with path.open('rb') as file:
        position, number = start + 12, 0  # behind tag, VR, reserved, length
        while position + 8 <= size:
            file.seek(position)
            group, element, length = struct.unpack('<HHL', file.read(8))
            if (group, element) != _ITEM:
                return
            yield length, file.read(min(length, _HEAD if number < 2 else 2))
            number += 1
            if number > _MOST:
                raise RejectedError('damaged', 'its fragments have no end')
            position += 8 + length


def is_cut_off(path: Path, start: int) -> bool:
    """Whether the fragments, see :func:`fragments`, are longer than what is left of the file."""
    end = start + 12 + sum(8 + length for length, _ in fragments(path, start))
    return end > path.stat().st_size


def value_length(path: Path, start: int, implicit: bool, little: bool) -> int:
    """Bytes of uncompressed pixel data, as its element says."""
    with path.open('rb') as file:
        file.seek(start + (4 if implicit else 8))
        return struct.unpack('<L' if little else '>L', file.read(4))[0]
