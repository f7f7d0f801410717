"""Headers of DICOM files that would fill the memory, or have no end."""

import os
import zlib
from pathlib import Path
from typing import Any

from pydicom.filereader import read_dataset, read_partial, read_preamble
from pydicom.uid import DeflatedExplicitVRLittleEndian, MPEGTransferSyntaxes

from usfm_mm.database.readers.limits import check_bytes
from usfm_mm.database.types import RejectedError

_MOST_ELEMENTS = 10_000
_UNDEFINED = 0xFFFFFFFF
_PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
_CHUNK = 1 << 20


def check_dicom(path: Path) -> None:
    """Refuse a header without an end, and what would fill the memory.

    Raises:
        RejectedError: The file is one of these.
    """
    counted = taken = 0

    def stop(tag: Any, vr: str | None, length: int) -> bool:
        nonlocal counted, taken
        counted += 1
        if counted > _MOST_ELEMENTS:
            raise RejectedError('damaged', 'its header has no end')
        if tag in _PIXELS:
            return True
        taken += 0 if length == _UNDEFINED else length
        check_bytes(taken, 'a header')
        return False

    with path.open('rb') as file:
        try:
            read_preamble(file, force=True)
            meta = read_dataset(file, False, True, stop_when=lambda tag, *_: tag.group != 2)
            syntax = meta.get('TransferSyntaxUID')
            if syntax == DeflatedExplicitVRLittleEndian:
                _check_unpacked(file)
                return
            if syntax in MPEGTransferSyntaxes:
                check_bytes(os.fstat(file.fileno()).st_size, 'a video inside DICOM')
            # Commands, which pydicom reads to their end before it asks where to stop.
            read_dataset(
                file, True, True, stop_when=lambda tag, *rest: tag.group != 0 or stop(tag, *rest)
            )
            file.seek(0)
            read_partial(file, stop, force=True)
        except RejectedError:
            raise
        except Exception:  # whatever else is wrong is told by who reads it
            return


def _check_unpacked(file: Any) -> None:
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    count = 0
    while data := unpacker.unconsumed_tail or file.read(_CHUNK):
        count += len(unpacker.decompress(data, _CHUNK))
        check_bytes(count, 'deflated content')
