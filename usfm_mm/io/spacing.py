"""Size of a pixel in mm of the images of a prepared data set, where it is known."""

import csv
import math
import os
from collections.abc import Mapping
from pathlib import Path

from usfm_mm.io.table import write_table

SPACING_FILE = 'spacing.csv'
_COLUMNS = ('name', 'height_mm', 'width_mm')


def write_spacing(folder: str | os.PathLike, known: Mapping[str, tuple[float, float]]) -> None:
    """Write ``spacing.csv``; nothing where no image's pixels have a known size.

    Args:
        folder: Of the data set.
        known: By name of the image, without suffix, height and width of a pixel in mm.
    """
    rows = [dict(zip(_COLUMNS, (name, *size), strict=True)) for name, size in known.items()]
    if rows:
        write_table(Path(folder, SPACING_FILE), rows)


def read_spacing(folder: str | os.PathLike) -> dict[str, tuple[float, float]]:
    """Height and width of a pixel in mm by image; empty where the data set has no such file.

    Args:
        folder: Of the data set.

    Raises:
        ValueError: The file lacks a column, has a name twice or a size that is no positive number;
            row and column are named.
    """
    path = Path(folder, SPACING_FILE)
    if not path.is_file():
        return {}
    known: dict[str, tuple[float, float]] = {}
    with path.open(encoding='utf-8-sig', newline='') as file:
        reader = csv.DictReader(file)
        lacking = [column for column in _COLUMNS if column not in (reader.fieldnames or ())]
        if lacking:
            raise ValueError(
                f'{path} has no column {lacking[0]!r}, but needs {", ".join(_COLUMNS)}'
            )
        for row in reader:
            place = f'{path}, line {reader.line_num}'
            if row['name'] in known:
                raise ValueError(f'{place}, column name: {row["name"]} stands there twice')
            height, width = (
                _size(row[column], f'{place}, column {column}') for column in _COLUMNS[1:]
            )
            known[row['name']] = height, width
    return known


def _size(cell: str | None, place: str) -> float:
    try:
        value = float(cell or '')
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise ValueError(
            f'{place}: {cell!r} is no size of a pixel in mm: correct it or remove the row'
        )
    return value
