"""Training images that are like images of other splits, out of the index."""

import csv
from collections.abc import Collection
from pathlib import Path

import pyarrow as pa

TRAIN = 'train'


def paths_to_leave_out(file: Path) -> set[str]:
    """Column ``a`` of what ``usfm check-overlap DATA`` writes: the training images.

    Raises:
        ValueError: There is no such column.
        OSError: The file cannot be read.
    """
    with file.open(newline='', encoding='utf-8', errors='surrogateescape') as lines:
        reader = csv.DictReader(lines)
        if 'a' not in (reader.fieldnames or ()):
            raise ValueError(f'{file} has no column a: is it of "usfm check-overlap"?')
        return {row['a'] for row in reader}


def without_training(table: pa.Table, paths: Collection[str]) -> pa.Table:
    """Leave out the training images among some paths.

    Example:
        >>> rows = [dict(path='a', split='train'), dict(path='b', split='test')]
        >>> without_training(pa.Table.from_pylist(rows), ['a', 'b'])['path'].to_pylist()
        ['b']
    """
    rows = zip(table['path'].to_pylist(), table['split'].to_pylist(), strict=True)
    return table.filter(pa.array([split != TRAIN or path not in paths for path, split in rows]))
