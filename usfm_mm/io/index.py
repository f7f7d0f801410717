"""The index of a data set: a table with one row per image, as ``index.parquet`` or ``index.csv``.

Columns: ``path`` relative to the data root, with forward slashes; ``organ``; and where known
``center``, ``device``, ``patient`` and ``split``. Columns whose names start with an underscore
are ignored. The table stays in Arrow's buffers: forked workers share them, because nothing ever
writes to them, not even a reference count.
"""

import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from usfm_mm.io.atomic import atomic_path
from usfm_mm.io.index_checks import (
    COLUMNS,
    BadIndexError,
    check_columns,
    check_organs,
    check_paths,
)

INDEX_NAMES = ('index.parquet', 'index.csv')
_LOG = logging.getLogger(__name__)


def has_index(folder: Path) -> bool:
    """Whether a folder has an index of its own."""
    return any((folder / name).is_file() for name in INDEX_NAMES)


def find_index(data_root: str | os.PathLike, index: str | os.PathLike | None = None) -> Path:
    """Path of the index file.

    Args:
        data_root: Folder of the data set.
        index: The index where it is not ``index.parquet`` or ``index.csv`` under the data root; a
            relative path is looked up under the data root first, then from the working folder.

    Raises:
        FileNotFoundError: There is none.
    """
    root = Path(data_root)
    candidates = (
        [root / name for name in INDEX_NAMES] if index is None else [root / index, Path(index)]
    )
    found = [path for path in candidates if path.is_file()]
    if not found:
        tried = ', '.join(str(path) for path in candidates)
        raise FileNotFoundError(
            f'no index of images: looked for {tried}. Check the data root, or make an index with '
            f'"usfm index {root}"'
        )
    if index is None and len(found) == 2 and found[1].stat().st_mtime > found[0].stat().st_mtime:
        _LOG.warning(
            f'{found[1]} is newer than {found[0]}, which is the one that is read; delete it '
            'if it is out of date',
        )
    return found[0]


def read_index(
    data_root: str | os.PathLike,
    index: str | os.PathLike | None = None,
    columns: Sequence[str] | None = None,
) -> pa.Table:
    """Read and check an index.

    Args:
        data_root: Folder of the data set.
        index: See :func:`find_index`.
        columns: Of the known columns, those to return where the index has them; all by default.

    Returns:
        Table with ``path`` as (large) strings and every other column as dictionary-encoded
        strings with 32-bit codes, each in one chunk.

    Raises:
        FileNotFoundError: There is no index.
        ValueError: A column is missing or unknown, the index is empty, an organ or a path is
            empty, a path is absolute, leaves the data root or occurs twice.
    """
    file = find_index(data_root, index)
    wanted = COLUMNS if columns is None else tuple(columns)
    try:
        table = _read(file, wanted)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise BadIndexError(
            f'{file} cannot be read: {error}. Write it again, for instance with "usfm index"'
        ) from error
    if len(table) == 0:
        raise BadIndexError(f'{file} lists no images: make it again with "usfm index"')
    check_paths(file, table['path'])
    check_organs(file, table['organ'])
    return table


def write_index(
    table: pa.Table,
    path: str | os.PathLike,
    about: dict[str, Any] | None = None,
) -> None:
    """Write an index whole or not at all, as Parquet or CSV by the name's ending.

    Args:
        table: One row per image.
        path: Called ``index.parquet`` or ``index.csv``.
        about: What is known of the images, for :func:`read_about`; kept by Parquet alone.

    Raises:
        ValueError: The name ends in neither ``.parquet`` nor ``.csv``, or a column is unknown.
    """
    path = Path(path)
    check_columns(path, table.column_names)
    if path.suffix not in ('.parquet', '.csv'):
        raise ValueError(f'{path}: an index is called index.parquet or index.csv')
    if about is not None:
        table = table.replace_schema_metadata({'usfm_mm': json.dumps(about)})
    with atomic_path(path) as temporary:
        if path.suffix == '.parquet':
            pa.parquet.write_table(table, temporary)
        else:
            plain = [column.cast(pa.string()) for column in table.columns]
            pa.csv.write_csv(pa.table(plain, names=table.column_names), temporary)


def read_about(file: Path) -> dict[str, Any]:
    """What a Parquet index tells of its images.

    Returns:
        ``mean`` and ``std`` of the intensities, one grey level (0 to 255) for each channel, and
        ``bits``, those in use where images have 16 bits per sample; empty where it does not tell.
    """
    if file.suffix != '.parquet':
        return {}
    metadata = pa.parquet.read_schema(file).metadata or {}
    return json.loads(metadata.get(b'usfm_mm', b'{}'))


def codes(column: pa.ChunkedArray) -> tuple[np.ndarray, list[str]]:
    """Codes and names of a dictionary-encoded column, names sorted.

    Returns:
        int32 [N] with -1 for missing values, and the names that the codes stand for.
    """
    array = _one_chunk(column)
    names = array.dictionary.to_pylist()
    order = sorted(range(len(names)), key=lambda i: names[i])
    rank = np.empty(len(names) + 1, np.int32)
    rank[order] = np.arange(len(names))
    rank[-1] = -1
    raw = array.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return rank[raw], [names[i] for i in order]


def _read(file: Path, wanted: Sequence[str]) -> pa.Table:
    coded = pa.dictionary(pa.int32(), pa.string())
    if file.suffix == '.parquet':
        names = pa.parquet.read_schema(file).names
    else:
        with pa.csv.open_csv(file) as reader:
            names = reader.schema.names
    check_columns(file, names)
    names = [name for name in wanted if name in names]
    if file.suffix == '.parquet':
        table = pa.parquet.read_table(
            file, columns=names, read_dictionary=[name for name in names if name != 'path']
        )
    else:
        types = {name: pa.string() if name == 'path' else coded for name in names}
        table = pa.csv.read_csv(
            file,
            convert_options=pa.csv.ConvertOptions(
                column_types=types,
                include_columns=names,
                null_values=[''],
                strings_can_be_null=True,
            ),
        )
    columns = {}
    for name in names:
        kind = pa.large_string() if name == 'path' else coded
        column = table[name]
        if name != 'path' and not pa.types.is_dictionary(column.type):
            column = column.cast(pa.string()).dictionary_encode()
        columns[name] = _one_chunk(column.cast(kind))
    return pa.table(columns)


def _one_chunk(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    if isinstance(column, pa.Array):
        return column
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    array = column.combine_chunks()
    # combine_chunks gives a chunked array of no chunks for an empty column in some versions.
    if isinstance(array, pa.ChunkedArray):
        return array.chunk(0) if array.num_chunks else pa.array([], column.type)
    return array
