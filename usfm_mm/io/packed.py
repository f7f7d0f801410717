"""Packed images: raw grey pixels of a whole data set in one LMDB file.

Key: the image's path in the index, UTF-8. Value: height and width as little-endian 32-bit
numbers, then H·W grey bytes. Reading needs no decoding and one open file instead of millions.
"""

import os
import struct
from collections.abc import Sequence
from pathlib import Path

import lmdb
import numpy as np

from usfm_mm.io.image import BadImageError

PACKED_NAME = 'images.lmdb'
SHARDS = 'shard_[0-9]*'
"""Folders in a data root with a store each."""

_HEADER = struct.Struct('<II')
_SHARD_STORES = f'{SHARDS}/{PACKED_NAME}'


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


def put_packed(env: lmdb.Environment, items: Sequence[tuple[bytes, bytes | None]]) -> None:
    """Store values under keys, all or none; None deletes a key.

    The map, which is address space and not disk, is doubled when it is full.
    """
    while True:
        try:
            with env.begin(write=True) as transaction:
                for key, value in items:
                    if value is None:
                        transaction.delete(key)
                    else:
                        transaction.put(key, value)
            return
        except lmdb.MapFullError:
            env.set_mapsize(2 * env.info()['map_size'])


class PackedImages:
    """Read images of a packed store.

    The file is opened at the first read and shared by all readers of the process, because LMDB
    refuses to open it twice. A fork closes it, because an LMDB environment must not pass through
    one; parent and child open it again when they read on.

    Args:
        path: The LMDB file.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = os.path.realpath(path)

    def read(self, name: str) -> np.ndarray:
        """Image uint8 [H, W] of path ``name``.

        Raises:
            BadImageError: The store has no such image, or it is damaged.
            FileNotFoundError: The store is missing.
        """
        value = self._transaction().get(name.encode())
        if value is None:
            raise BadImageError(f'not in the packed store {self.path}')
        return decode_packed(value)

    def __len__(self) -> int:
        """Number of images in the store."""
        self._transaction()
        return _open_stores[self.path][0].stat()['entries']

    def _transaction(self) -> lmdb.Transaction:
        if self.path not in _open_stores:
            _open_stores[self.path] = _open(self.path)
        return _open_stores[self.path][1]


class PackedShards:
    """Read images of a data root whose shards have a packed store each.

    The first folder of an image's path says which: ``shard_0003/images/a.png`` is the image
    ``images/a.png`` of ``shard_0003/images.lmdb``.

    Args:
        root: The data root.
    """

    def __init__(self, root: str | os.PathLike) -> None:
        self.path = os.path.realpath(root)

    def read(self, name: str) -> np.ndarray:
        """Image uint8 [H, W] of path ``name``; errors as of :meth:`PackedImages.read`."""
        shard, _, inner = name.partition('/')
        return PackedImages(f'{self.path}/{shard}/{PACKED_NAME}').read(inner)

    def __len__(self) -> int:
        """Number of images in all stores."""
        return sum(len(PackedImages(path)) for path in Path(self.path).glob(_SHARD_STORES))


def packed_images(root: str | os.PathLike) -> PackedImages | PackedShards | None:
    """Reader of the packed images of a data root; None if it has none."""
    store = Path(root) / PACKED_NAME
    if store.is_file():
        return PackedImages(store)
    return PackedShards(root) if any(Path(root).glob(_SHARD_STORES)) else None


_open_stores: dict[str, tuple[lmdb.Environment, lmdb.Transaction]] = {}


def _open(path: str) -> tuple[lmdb.Environment, lmdb.Transaction]:
    if not os.path.exists(path):
        raise FileNotFoundError(
            f'no packed images at {path}: make them with "usfm pack pack", or pass packed=False'
        )
    # Without read-ahead: images are drawn at random, and neighbours would fill the cache.
    # One transaction for good, with buffers: a value is copied once, out of the map.
    environment = lmdb.open(path, subdir=False, readonly=True, lock=False, readahead=False)
    return environment, environment.begin(buffers=True)


def _close_all() -> None:
    while _open_stores:
        environment, transaction = _open_stores.popitem()[1]
        transaction.abort()
        environment.close()


os.register_at_fork(before=_close_all)
