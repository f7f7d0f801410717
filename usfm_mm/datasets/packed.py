"""Packed images: raw grey pixels of a whole data set in one LMDB file.

Key: the image's path in the index, UTF-8. Value: height and width as little-endian 32-bit
numbers, then H·W grey bytes. Reading needs no decoding and one open file instead of millions.
"""

import os
import struct

import lmdb
import numpy as np

from usfm_mm.datasets.image_io import BadImageError

PACKED_NAME = 'images.lmdb'

_HEADER = struct.Struct('<II')


def encode_packed(image: np.ndarray) -> bytes:
    """Value of one grey image uint8 [H, W] in the store."""
    return _HEADER.pack(*image.shape) + image.tobytes()


def decode_packed(value: bytes | memoryview) -> np.ndarray:
    """Image uint8 [H, W] of one value of the store, as a copy.

    Raises:
        BadImageError: The value's length is not what its header says.
    """
    if len(value) < _HEADER.size:
        raise BadImageError('packed value has no header')
    height, width = _HEADER.unpack_from(value)
    if len(value) != _HEADER.size + height * width:
        raise BadImageError(f'packed value has {len(value)} bytes, not those of {height}x{width}')
    pixels = np.frombuffer(value, np.uint8, offset=_HEADER.size)
    return pixels.reshape(height, width).copy()


class PackedImages:
    """Read images of a packed store.

    The file is opened at the first read and again in every other process, because an LMDB
    environment must not pass through a fork.

    Args:
        path: The LMDB file.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = os.fspath(path)
        self._env: lmdb.Environment | None = None
        self._transaction: lmdb.Transaction | None = None
        self._pid = -1

    def read(self, name: str) -> np.ndarray:
        """Image uint8 [H, W] of path ``name``.

        Raises:
            BadImageError: The store has no such image, or it is damaged.
            FileNotFoundError: The store is missing.
        """
        if self._pid != os.getpid():
            self._open()
        assert self._transaction is not None
        value = self._transaction.get(name.encode())
        if value is None:
            raise BadImageError(f'not in the packed store {self.path}')
        return decode_packed(value)

    def __len__(self) -> int:
        """Number of images in the store."""
        if self._pid != os.getpid():
            self._open()
        assert self._env is not None
        return self._env.stat()['entries']

    def __getstate__(self) -> dict:
        return {'path': self.path}

    def __setstate__(self, state: dict) -> None:
        self.__init__(state['path'])  # type: ignore[misc]

    def _open(self) -> None:
        if not os.path.exists(self.path):
            raise FileNotFoundError(f'no packed images at {self.path}: make them with '
                                    'tools/pack_images.py pack, or pass packed=False')
        # Without read-ahead: images are drawn at random, and neighbours would fill the cache.
        # One transaction for good, with buffers: a value is copied once, out of the map.
        self._env = lmdb.open(self.path, subdir=False, readonly=True, lock=False, readahead=False)
        self._transaction = self._env.begin(buffers=True)
        self._pid = os.getpid()
