"""JSON files that every reader takes."""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from usfm_mm.io.atomic import write_atomic


def json_text(
    content: Any, default: Callable[[Any], Any] | None = None, indent: int | None = 2
) -> str:
    """Content as JSON, a number that is not finite as null.

    Python would write ``NaN`` and ``Infinity``, which JSON does not have and browsers, R and jq
    refuse to read.

    Args:
        content: Dicts, lists, texts and numbers.
        default: What else there is, turned into one of these.
        indent: Spaces of a level; None for a single line.

    Example:
        >>> json_text(dict(loss=float('nan'), organs=['heart']), indent=None)
        '{"loss": null, "organs": ["heart"]}'
    """

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: plain(part) for key, part in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(part) for part in value]
        if default is not None and not isinstance(value, (str, int, float, type(None))):
            return plain(default(value))
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return json.dumps(plain(content), indent=indent, allow_nan=False)


def write_json(path: str | Path, content: Any, default: Callable[[Any], Any] | None = None) -> None:
    """Write :func:`json_text` as :func:`~usfm_mm.io.atomic.write_atomic` does."""
    write_atomic(path, (json_text(content, default) + '\n').encode())
