"""The folder that answers are written to: whose it is, and what of it is done."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from usfm_mm.inference.formats.table import read_rows
from usfm_mm.io.atomic import check_writable, write_atomic

_SETTINGS = 'settings.json'


@contextmanager
def output_folder(path: Path, settings: dict[str, Any]) -> Iterator[None]:
    """Make a folder the output of one run, or of its continuation.

    What a killed run had half written is removed.

    Args:
        path: Made where it is missing.
        settings: Models and options; a folder made with others is not written to.

    Raises:
        OSError: The folder cannot be made or written to.
        ValueError: The folder holds something else, or another run writes to it.
    """
    check_writable(path, 'give --out another folder')
    path.mkdir(parents=True, exist_ok=True)
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


def check_folder(path: Path, settings: dict[str, Any]) -> None:
    """See, before a model is loaded, that a folder can be the output.

    Args:
        path: May be missing.
        settings: Those that are known by then.

    Raises:
        OSError: The folder cannot be made or written to.
        ValueError: The folder holds something else, or was made with other settings.
    """
    check_writable(path, 'give --out another folder')
    _compare(path, _former(path), settings, set(settings))


def _check(path: Path, settings: dict[str, Any]) -> None:
    former = _former(path)
    if former is None:
        write_atomic(path / _SETTINGS, json.dumps(settings, indent=2).encode())
        return
    _compare(path, former, settings, {*former, *settings})


def _former(path: Path) -> dict[str, Any] | None:
    file = path / _SETTINGS
    if file.is_file():
        return json.loads(file.read_text(encoding='utf-8'))
    if path.is_dir() and any(not entry.name.startswith('.') for entry in path.iterdir()):
        raise ValueError(f'{path} is not empty: give --out a folder of its own')
    return None


def _compare(
    path: Path, former: dict[str, Any] | None, settings: dict[str, Any], keys: set[str]
) -> None:
    other = [] if former is None else sorted(k for k in keys if former.get(k) != settings.get(k))
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
