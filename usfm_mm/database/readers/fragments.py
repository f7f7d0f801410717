"""Whether the compressed pixel data of a DICOM file is whole."""

import struct
from pathlib import Path

_ITEM = (0xFFFE, 0xE000)


def is_cut_off(path: Path, start: int) -> bool:
    """Whether a fragment is longer than what is left of the file.

    Args:
        path: A DICOM file with encapsulated pixel data, little endian as the standard demands.
        start: Position of its pixel data element.
    """
    size = path.stat().st_size
    with path.open('rb') as file:
        position = start + 12  # tag, VR, reserved, length
        while position + 8 <= size:
            file.seek(position)
            group, element, length = struct.unpack('<HHL', file.read(8))
            if (group, element) != _ITEM:
                break
            position += 8 + length
    return position > size
