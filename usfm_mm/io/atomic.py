"""Writing files whole or not at all."""

import os
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
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_atomic(path: str | Path, content: bytes) -> None:
    """Write all that a file shall hold, as :func:`atomic_path` does."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
