"""The images of a whole database: in its own folder, or in those of its shards."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from usfm_mm.database.shards import all_shards
from usfm_mm.database.store import PackedStore, remove_strays
from usfm_mm.io.image import read_grey


class Stores:
    """One store of PNG files or packed images, or one for each shard; see :func:`open_stores`.

    Args:
        out: Folder of the database.
        names: Of the folders in it, in the order of the shards; '' for the database's own.
        packed: Of each, where they are packed.
    """

    def __init__(self, out: Path, names: Sequence[str], packed: Sequence[PackedStore]) -> None:
        self._out, self._names = out, names
        self._packed = dict(zip(names, packed, strict=False))

    def put(self, images: Sequence[tuple[bytes, np.ndarray]]) -> None:
        """Store images by name in the one store, if it is packed.

        Raises:
            OutputError: They cannot be written.
        """
        if self._packed:
            self._packed[''].put(images)

    def has(self, path: str) -> bool:
        """Is there an image of this path in the index?"""
        if self._packed:
            name, inner = self._split(path)
            return self._packed[name].has(inner)
        try:
            return (self._out / path).stat().st_size > 0  # a power cut may leave an empty file
        except FileNotFoundError:
            return False

    def read(self, path: str) -> np.ndarray:
        """Image uint8 [H, W] of a path in the index.

        Raises:
            KeyError: There is none in a packed store.
        """
        if self._packed:
            name, inner = self._split(path)
            return self._packed[name].read(inner)
        return read_grey(self._out / path)

    def keep_only(self, names: np.ndarray, places: np.ndarray) -> None:
        """Remove all other images.

        Args:
            names: Of the images, S32 [N], sorted.
            places: Position of each one's store, int [N].
        """
        for place, name in enumerate(self._names):
            own = names[places == place]
            if self._packed:
                self._packed[name].keep_only(own)
            else:
                remove_strays(self._out / name, own)

    def _split(self, path: str) -> tuple[str, str]:
        if self._names == ['']:
            return '', path
        name, _, inner = path.partition('/')
        return name, inner


@contextmanager
def open_stores(out: Path, packed: bool, shards: int = 0) -> Iterator[Stores]:
    """Open where the images are.

    Args:
        out: Folder of the database.
        packed: LMDB files instead of PNG files.
        shards: How many; 0: the images are in the database's own folder.

    Raises:
        OutputError: A packed store cannot be opened.
    """
    names = [shard.name for shard in all_shards(shards)] or ['']
    with ExitStack() as stack:
        stores = [stack.enter_context(PackedStore(out / name)) for name in names if packed]
        yield Stores(out, names, stores)
