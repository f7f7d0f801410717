"""The folder that answers are written to: whose it is, and what of it is done."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from usfm_mm.inference.formats.table import read_rows
from usfm_mm.io.atomic import write_atomic

_SETTINGS = 'settings.json'


@contextmanager
def output_folder(path: Path, settings: dict[str, Any]) -> Iterator[None]:
    """Make a folder the output of one run, or of its continuation.

    What a killed run had half written is removed.

    Args:
        path: Made where it is missing.
        settings: Models and options; a folder made with others is not written to.

    Raises:
        ValueError: The folder holds something else, or another run writes to it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:  # a file of this name or above it, a disk that cannot be written
        raise ValueError(
            f'{path} cannot be made a folder ({error.strerror}): give --out another one'
        ) from error
    handle = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f'another run writes to {path}') from None
        _check(path, settings)
        for file in path.rglob('.*.tmp'):
            file.unlink()
        yield
    finally:
        os.close(handle)


def _check(path: Path, settings: dict[str, Any]) -> None:
    file = path / _SETTINGS
    if not file.is_file():
        if any(not entry.name.startswith('.') for entry in path.iterdir()):
            raise ValueError(f'{path} is not empty: give --out a folder of its own')
        write_atomic(file, json.dumps(settings, indent=2).encode())
        return
    former = json.loads(file.read_text(encoding='utf-8'))
    other = sorted(key for key in {*former, *settings} if former.get(key) != settings.get(key))
    if other:
        raise ValueError(
            f'{path} was made with other settings ({", ".join(other)}): give --out another folder, '
            'or remove this one'
        )


def table_path(folder: Path, name: str) -> Path:
    """Table of one source; it is written last, and so says that the source is done."""
    return folder / 'tables' / f'{name}.csv'


def is_done(folder: Path, name: str, source: Path) -> bool:
    """Whether all of a source is there, made after the source last changed.

    Raises:
        ValueError: Another source has this name.
    """
    table = table_path(folder, name)
    if not table.is_file():
        return False
    rows = read_rows(table)
    if rows and rows[0]['file'] != str(source):
        raise ValueError(
            f'{folder} holds the answers about {rows[0]["file"]} as {name}: give --out another '
            f'folder for {source}'
        )
    return table.stat().st_mtime >= source.stat().st_mtime
