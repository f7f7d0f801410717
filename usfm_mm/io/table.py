"""Tables as CSV files."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from usfm_mm.io.atomic import write_atomic


def write_table(path: str | Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows of equal keys as CSV, whole or not at all; missing folders are made.

    Floats are written with all digits that float64 needs, so that the file gives the metrics again.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, text.getvalue().encode())
