"""Whether the compressed pixel data of a DICOM file is whole."""

import struct
from pathlib import Path

_ITEM, _END = (0xFFFE, 0xE000), (0xFFFE, 0xE0DD)


def is_cut_off(path: Path, start: int) -> bool:
    """Whether the fragments from the pixel data element on end before their end mark.

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
            if (group, element) == _END:
                return False
            if (group, element) != _ITEM:
                return True
            position += 8 + length
    return True
