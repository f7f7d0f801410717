"""Telling a file's kind by its content: scanners and people name files as they like."""

import gzip
import zlib
from pathlib import Path
from typing import Literal

from usfm_mm.database.types import RejectedError

Kind = Literal['dicom', 'image', 'video', 'nifti', 'metaimage']

_HEAD = 1024
_IMAGES = (b'\x89PNG\r\n\x1a\n', b'\xff\xd8\xff', b'BM', b'II*\0', b'MM\0*', b'II+\0', b'MM\0+')
_VIDEOS = (
    b'GIF87a',
    b'GIF89a',
    b'\0\0\1\xba',  # MPEG program stream
    b'\0\0\1\xb3',  # MPEG video
    b'\x1aE\xdf\xa3',  # Matroska
    b'0&\xb2u\x8ef\xcf\x11',  # ASF, WMV
)
# Atoms that an MP4 or QuickTime file may begin with.
_ATOMS = (b'ftyp', b'moov', b'mdat', b'wide', b'free', b'skip', b'pnot')
# ASN.1 object identifier 1.2.840.113549.1.7.3, enveloped data: DICOM on encrypted media (PS3.15).
_ENVELOPED = b'\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03'


def kind_of(path: str | Path) -> Kind:
    """Kind of a file, told from its first bytes.

    Raises:
        RejectedError: It is empty, unreadable, encrypted or of no kind that is read.
    """
    head = _head(Path(path))
    if head.startswith(b'\x1f\x8b'):
        if _is_nifti(_unzipped_head(Path(path))):
            return 'nifti'
        raise RejectedError('not an image', 'compressed with gzip, and no NIfTI inside')
    if _is_dicom(head):
        return 'dicom'
    if head.startswith(_IMAGES):
        return 'image'
    if head.startswith(_VIDEOS) or head[4:8] in _ATOMS or _is_avi(head) or _is_transport(head):
        return 'video'
    if _is_nifti(head):
        return 'nifti'
    if head.lstrip().startswith((b'ObjectType', b'NDims')):
        return 'metaimage'
    if (
        head.startswith(b'Salted__')
        or (head[:1] == b'0' and _ENVELOPED in head[:32])
        or (head.startswith(b'PK\3\4') and head[6] & 1)
    ):
        raise RejectedError('encrypted', 'the whole file')
    raise RejectedError('not an image', 'its content is of no kind that is read')


def _head(path: Path) -> bytes:
    try:
        with path.open('rb') as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise RejectedError('unreadable', error.strerror or type(error).__name__) from None
    if not head:
        raise RejectedError('empty file')
    return head


def _unzipped_head(path: Path) -> bytes:
    try:
        with gzip.open(path) as file:
            return file.read(_HEAD)
    except (OSError, EOFError, zlib.error):
        raise RejectedError('damaged', 'its gzip content cannot be read') from None


def _is_dicom(head: bytes) -> bool:
    if head[128:132] == b'DICM':
        return True
    # Old files lack the preamble and start with group 0002 or 0008, in either byte order.
    little = head[:2] in (b'\x02\0', b'\x08\0') and head[3:4] == b'\0' and len(head) > 132
    big = head[:4] in (b'\0\x02\0\0', b'\0\x08\0\0', b'\0\x08\0\x05', b'\0\x08\0\x08')
    return little or big


def _is_nifti(head: bytes) -> bool:
    return head[344:348] in (b'n+1\0', b'ni1\0') or head[4:8] in (b'n+2\0', b'ni2\0')


def _is_avi(head: bytes) -> bool:
    return head.startswith(b'RIFF') and head[8:12] == b'AVI '


def _is_transport(head: bytes) -> bool:
    return len(head) > 376 and head[0] == head[188] == head[376] == 0x47
