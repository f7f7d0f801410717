"""DICOM written by hand, so that it can say what no library would write."""

import struct

import numpy as np
from pydicom.datadict import dictionary_VR, tag_for_keyword

from support.scanner_screens import speckle

LITTLE, IMPLICIT, BIG = '1.2.840.10008.1.2.1', '1.2.840.10008.1.2', '1.2.840.10008.1.2.2'
DEFLATED, RLE = '1.2.840.10008.1.2.1.99', '1.2.840.10008.1.2.5'
JPEG, J2K, LOSSLESS, JPEG_LS = (
    f'1.2.840.10008.1.2.4.{number}' for number in ('50', '91', '70', '80')
)
MPEG4 = '1.2.840.10008.1.2.4.102'
UNDEFINED = 0xFFFFFFFF
_LONG = ('OB', 'OW', 'SQ', 'UN', 'UT', 'UC', 'UR', 'OF', 'OD', 'OL', 'OV')

SMALL = speckle(120, 160)
"""A picture that would be taken, uint8 [120, 160]."""


def element(tag, vr, value=b'', length=None):
    """One element in explicit little endian; ``length`` may lie."""
    value = value + b' ' * (len(value) % 2)
    length = len(value) if length is None else length
    head = struct.pack('<HH', tag >> 16, tag & 0xFFFF) + vr.encode()
    if vr in _LONG:
        return head + b'\0\0' + struct.pack('<L', length) + value
    return head + struct.pack('<H', length & 0xFFFF) + value


def item(value=b'', length=None, tag=0xE000):
    """An item of a sequence or of compressed pixels."""
    length = len(value) if length is None else length
    return struct.pack('<HHL', 0xFFFE, tag, length) + value


SEQUENCE_END, ITEM_END = item(tag=0xE0DD), item(tag=0xE00D)


def header(**values):
    """Elements of a grey ultrasound picture of 120 x 160; None leaves one out.

    A number is written as the dictionary says, bytes as they are.
    """
    fields = {
        'SOPClassUID': b'1.2.840.10008.5.1.4.1.1.6.1',
        'Modality': b'US',
        'PatientID': b'P-1',
        'SamplesPerPixel': 1,
        'PhotometricInterpretation': b'MONOCHROME2',
        'Rows': 120,
        'Columns': 160,
        'BitsAllocated': 8,
        'BitsStored': 8,
        'HighBit': 7,
        'PixelRepresentation': 0,
        **values,
    }
    written = []
    for keyword, value in fields.items():
        if value is None:
            continue
        tag = tag_for_keyword(keyword)
        vr = dictionary_VR(tag).split(' ')[0]
        if isinstance(value, int):
            value = struct.pack('<H', value) if vr == 'US' else str(value).encode()
        written.append((tag, element(tag, vr, value)))
    return b''.join(content for _, content in sorted(written))


def meta(syntax=LITTLE):
    """Preamble and file meta information."""
    group = element(0x00020010, 'UI', syntax.encode() + bytes(len(syntax) % 2))
    length = element(0x00020000, 'UL', struct.pack('<L', len(group)))
    return bytes(128) + b'DICM' + length + group


def native(value=None, length=None):
    """Uncompressed pixels."""
    return element(0x7FE00010, 'OB', SMALL.tobytes() if value is None else value, length)


def fragmented(*streams, table=b'', end=SEQUENCE_END):
    """Compressed pixels."""
    inside = item(table) + b''.join(item(s + bytes(len(s) % 2)) for s in streams) + end
    return element(0x7FE00010, 'OB', b'', UNDEFINED) + inside


def jpeg(picture=SMALL):
    """A picture as a JPEG stream."""
    import cv2

    return cv2.imencode('.jpg', picture)[1].tobytes()


def j2k(picture=SMALL):
    """A picture as a lossless JPEG 2000 stream."""
    from openjpeg.utils import encode_array

    return bytes(encode_array(np.ascontiguousarray(picture)))


def jpeg_ls(picture=SMALL):
    """A picture as a JPEG-LS stream."""
    from jpeg_ls import encode_array

    return bytes(encode_array(np.ascontiguousarray(picture)))


def patched(content, at, new):
    """Bytes with some of them replaced."""
    return content[:at] + new + content[at + len(new) :]
