"""The table that ``usfm export-data`` writes beside cases: patient, class, organ of each."""

import csv
import io
from collections.abc import Iterable, Mapping, Set
from pathlib import Path
from typing import Any

from usfm_mm.converters.annotations.files import inside
from usfm_mm.converters.items import ConversionError

TABLE = 'cases.csv'
COLUMNS = ('name', 'patient', 'label', 'split', 'organ')


def table_text(rows: Iterable[Mapping[str, str]]) -> str:
    """The table of cases, in their order; empty cells are not known."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator='\n', extrasaction='ignore')
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def told_cases(root: Path, about: Mapping[str, Any], names: Set[str]) -> dict[str, dict[str, Any]]:
    """What the table tells of each case, in its order; empty where ``about`` names none.

    Args:
        root: Folder of the data set.
        about: Content of ``dataset.json``, whose entry ``usfm_mm`` names the table.
        names: Of all cases.

    Raises:
        ConversionError: The table is missing, damaged, or tells of other cases.
    """
    ours = about.get('usfm_mm')
    if not isinstance(ours, dict) or 'table' not in ours:
        return {}
    path = inside(root, ours['table'], root, f'{root / "dataset.json"}: usfm_mm')
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding='utf-8'))))
        told = {
            row['name']: {
                'patient': row['patient'] or None,
                'label': row['label'] or None,
                'organ': row['organ'],
            }
            for row in rows
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConversionError(
            f'{path} is missing or damaged ({error!r}): export the data again'
        ) from error
    for name in set(told) ^ names:
        where = 'has no images' if name in told else f'is not in {path}'
        raise ConversionError(f'{path}: the case {name} {where}: export the data again')
    return told
