"""Where the images go: PNG files in 4,096 folders, or one LMDB file.

An image is called by the keyed hash of its pixels. So its name tells nothing, equal images are one
file, and writing one again changes nothing.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import lmdb
import numpy as np

from usfm_mm.io.atomic import write_atomic
from usfm_mm.io.image import encode_png
from usfm_mm.io.packed import PACKED_NAME, decode_packed, encode_packed, put_packed

IMAGES = 'images'

_BATCH = 1024


class OutputError(Exception):
    """The database cannot be written to, for instance because the disk is full."""


def image_path(name: bytes) -> str:
    """Path in the database of the image with this keyed hash."""
    text = name.hex()
    return f'{IMAGES}/{text[:3]}/{text}.png'


def write_png(root: Path, name: bytes, image: np.ndarray) -> None:
    """Write grey uint8 [H, W] as uncompressed PNG, whole or not at all, unless it is there.

    Raises:
        OutputError: It cannot be written.
    """
    path = root / image_path(name)
    try:
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, encode_png(image))
    except OSError as error:
        raise OutputError(f'{root}: {error.strerror or error}') from error


class PackedStore:
    """The LMDB file of a database, written by one process; a context manager.

    Args:
        root: Folder of the database.
    """

    def __init__(self, root: Path) -> None:
        self._path = root / PACKED_NAME

    def __enter__(self) -> 'PackedStore':
        try:
            self._env = lmdb.open(str(self._path), subdir=False, map_size=1 << 30)
        except lmdb.Error as error:
            raise OutputError(_words(error, self._path)) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._env.close()
        Path(f'{self._path}-lock').unlink(missing_ok=True)

    def put(self, images: Sequence[tuple[bytes, np.ndarray]]) -> None:
        """Store images, by name, all or none of them.

        Raises:
            OutputError: They cannot be written.
        """
        try:
            put_packed(
                self._env,
                [(image_path(name).encode(), encode_packed(image)) for name, image in images],
            )
        except lmdb.Error as error:
            raise OutputError(_words(error, self._path)) from error

    def read(self, path: str) -> np.ndarray:
        """Image uint8 [H, W] of a path in the index.

        Raises:
            KeyError: There is none.
        """
        with self._env.begin() as transaction:
            value = transaction.get(path.encode())
        if value is None:
            raise KeyError(path)
        return decode_packed(value)

    def has(self, path: str) -> bool:
        """Is there an image of this path?"""
        with self._env.begin() as transaction:
            return transaction.get(path.encode()) is not None

    def keep_only(self, names: np.ndarray) -> None:
        """Remove all other images; ``names`` as for :func:`remove_strays`.

        LMDB only marks what is removed as free, so that its pixels would still be in the file: it
        is written anew.

        Raises:
            OutputError: It cannot be written.
        """
        with self._env.begin() as transaction:
            keys = transaction.cursor().iternext(values=False)
            strays = [key for key in keys if not _is_in(names, Path(key.decode()).stem)]
        anew = self._path.with_name(f'.{self._path.name}.tmp')
        if strays:
            anew.touch()  # if this run is killed, the next one knows that there is something to do
        try:
            for start in range(0, len(strays), _BATCH):
                put_packed(self._env, [(key, None) for key in strays[start : start + _BATCH]])
        except lmdb.Error as error:
            raise OutputError(_words(error, self._path)) from error
        if anew.exists():
            self._write_anew(anew)
        _remove_half_written(self._path.parent)

    def _write_anew(self, temporary: Path) -> None:
        try:
            with open(temporary, 'wb') as file:
                self._env.copyfd(file.fileno(), compact=True)
            self._env.close()
            os.replace(temporary, self._path)
        except (OSError, lmdb.Error) as error:
            raise OutputError(_words(error, self._path)) from error
        self.__enter__()


def _words(error: OSError | lmdb.Error, path: Path) -> str:
    """What is wrong, where: LMDB says it behind the name of one of its functions."""
    return f'{path}: {str(error).rpartition(": ")[2]}'


def remove_strays(root: Path, names: np.ndarray) -> None:
    """Remove what lies among the images and is none of them: duplicates, and half-written files.

    Args:
        root: Folder of the database.
        names: The images' names, S32 [N], sorted.
    """
    for path in _files(root / IMAGES):
        name = os.path.basename(path)
        if not (name.endswith('.png') and _is_in(names, name[:-4])):
            os.unlink(path)
    _remove_half_written(root)
    for folder in sorted((root / IMAGES).glob('*')):
        if folder.is_dir() and not any(os.scandir(folder)):
            folder.rmdir()


def _remove_half_written(root: Path) -> None:
    """Of the report, for instance, when the finishing pass was killed."""
    for path in root.glob('.*.tmp'):
        path.unlink()


def _files(folder: Path) -> Iterator[str]:
    for parent, _, names in os.walk(folder):
        for name in names:
            yield os.path.join(parent, name)


def _is_in(names: np.ndarray, text: str) -> bool:
    name = np.bytes_(text.encode(errors='replace'))
    place = int(np.searchsorted(names, name))
    return place < len(names) and names[place] == name
