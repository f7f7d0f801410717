"""Writing files whole or not at all."""

import os
from pathlib import Path


def write_whole(path: str | Path, content: bytes) -> None:
    """Write a file under a temporary name beside it, then rename it into place.

    Args:
        path: Where to; its folder must exist.
        content: All that the file shall hold.
    """
    path = Path(path)
    # Named by process: two runs in one folder must not write into each other's file.
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    temporary.write_bytes(content)
    os.replace(temporary, path)
