"""Writing files whole or not at all."""

import os
import uuid
from pathlib import Path


def write_atomic(path: str | Path, content: bytes) -> None:
    """Write a file under a temporary name beside it, then rename it into place.

    Args:
        path: Where to; its folder must exist.
        content: All that the file shall hold.
    """
    path = Path(path)
    # A name of its own: two runs in one folder, on whatever machines, must not share it.
    temporary = path.with_name(f'.{path.name}.{uuid.uuid4().hex}.tmp')
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
