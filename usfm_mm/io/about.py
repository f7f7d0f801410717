"""What a data set tells of itself."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from usfm_mm.io.index import find_index, has_index, read_about

_FILES = ('dataset.json', 'database.json')


def about_data(root: str | os.PathLike, index: str | os.PathLike | None = None) -> dict[str, Any]:
    """What index, ``dataset.json`` and ``database.json`` under a data root tell, in this order.

    Args:
        root: Folder of the data set.
        index: See :func:`~usfm_mm.io.index.find_index`.

    Returns:
        ``mean`` and ``std`` (grey levels, 0 to 255), ``name``, ``licence`` and whatever else
        stands there. Files that are not there or cannot be read tell nothing: what reads them for
        their own sake says so.
    """
    found: dict[str, Any] = {}
    for name in reversed(_FILES):
        with suppress(OSError, ValueError):
            found.update(json.loads(Path(root, name).read_text(encoding='utf-8')))
    if index or has_index(Path(root)):
        with suppress(OSError, ValueError):
            found.update(read_about(find_index(root, index)))
    return found
