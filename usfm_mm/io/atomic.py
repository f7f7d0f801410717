"""Writing files whole or not at all."""

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; what is written there takes its place at the end.

    After an error the temporary file is removed and an earlier file at ``path`` is as it was.

    Args:
        path: Where to; its folder must exist.

    Example:
        >>> folder = getfixture('tmp_path')
        >>> with atomic_path(folder / 'a.txt') as temporary:
        ...     _ = temporary.write_text('whole')
        >>> [file.name for file in folder.iterdir()]
        ['a.txt']
    """
    path = Path(path)
    # A name of its own: two runs in one folder, on whatever machines, must not share it.
    temporary = path.with_name(f'.{path.name}.{uuid.uuid4().hex}.tmp')
    try:
        with naming(path):
            yield temporary
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Name the file in errors of the system that name none, such as that of a full disk.

    Example:
        >>> with naming('a.png'):
        ...     raise OSError(28, 'No space left on device')
        Traceback (most recent call last):
        OSError: [Errno 28] No space left on device: 'a.png'
    """
    try:
        yield
    except OSError as error:
        if error.errno and error.filename is None:
            error.filename = str(path)
        raise


def write_atomic(path: str | Path, content: bytes) -> None:
    """Write all that a file shall hold, as :func:`atomic_path` does."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def check_writable(folder: str | Path, remedy: str) -> None:
    """See that files can be made in a folder, before there is work to be lost.

    Args:
        folder: Where it is missing, what it would be made in is looked at.
        remedy: Ends the message, such as ``'name another with --out'``.

    Raises:
        OSError: Nothing can be written there.
    """
    whole = Path(folder).absolute()
    there = next(path for path in (whole, *whole.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:  # a file in a folder's place, a disk that is read-only
        raise OSError(f'{folder} cannot be written to ({error.strerror}): {remedy}') from error
