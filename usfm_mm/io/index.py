"""The index of a data set: a table with one row per image, as ``index.parquet`` or ``index.csv``.

Columns: ``path`` relative to the data root, with forward slashes; ``organ``; and where known
``center``, ``device``, ``patient`` and ``split``. Columns whose names start with an underscore
are ignored. The table stays in Arrow's buffers: forked workers share them, because nothing ever
writes to them, not even a reference count.
"""

import difflib
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

REQUIRED_COLUMNS = ('path', 'organ')
OPTIONAL_COLUMNS = ('center', 'device', 'patient', 'split')
INDEX_NAMES = ('index.parquet', 'index.csv')
SPLITS = ('train', 'val', 'test')

_LOG = logging.getLogger(__name__)
_COLUMNS = REQUIRED_COLUMNS + OPTIONAL_COLUMNS
# An organ with fewer images than this goes without a validation image, unless asked otherwise.
MIN_TO_HOLD_OUT = 20


class BadIndexError(ValueError):
    """An index that cannot be used; the message names the file, the fault and the remedy."""


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
            f'"python tools/make_index.py {root}"'
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
    wanted = _COLUMNS if columns is None else tuple(columns)
    try:
        table = _read(file, wanted)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise BadIndexError(
            f'{file} cannot be read: {error}. Write it again, for instance with tools/make_index.py'
        ) from error
    if len(table) == 0:
        raise BadIndexError(f'{file} lists no images: make it again with tools/make_index.py')
    _check_paths(file, table['path'])
    _check_organs(file, table['organ'])
    return table


def write_index(table: pa.Table, path: str | os.PathLike) -> None:
    """Write an index as Parquet or CSV, by the name's ending.

    A temporary file is renamed at the end, so that a reader never sees half an index.

    Raises:
        ValueError: The name ends in neither ``.parquet`` nor ``.csv``, or a column is unknown.
    """
    path = Path(path)
    _check_columns(path, table.column_names)
    temporary = path.with_name(path.name + '.tmp')
    if path.suffix == '.parquet':
        pa.parquet.write_table(table, temporary)
    elif path.suffix == '.csv':
        plain = [column.cast(pa.string()) for column in table.columns]
        pa.csv.write_csv(pa.table(plain, names=table.column_names), temporary)
    else:
        raise ValueError(f'{path}: an index is called index.parquet or index.csv')
    os.replace(temporary, path)


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


def check_splits(file: Path, column: pa.ChunkedArray, wanted: str) -> None:
    """See that no row is left out of a split because of its spelling.

    Args:
        file: The index, for messages.
        column: Its column ``split``, dictionary-encoded.
        wanted: The split that is to be used. Where it is one of :data:`SPLITS`, other names are
            warned of.

    Raises:
        ValueError: A row has no split, or one of :data:`SPLITS` in capitals or with spaces.
    """
    faults: list[str] = []
    others: list[str] = []
    for entry in column.value_counts().to_pylist():
        name, rows = entry['values'] or '', f'{entry["counts"]} rows'
        plain = name.strip().lower()
        close = difflib.get_close_matches(plain, SPLITS, n=1)
        hint = f' (did you mean {close[0]!r}?)' if close else ''
        if not plain:
            faults.append(f'{rows} have none')
        elif name not in (*SPLITS, wanted):
            (faults if plain in SPLITS else others).append(f'{rows} have {name!r}{hint}')
    if faults:
        raise BadIndexError(
            f'{file}: column "split": {"; ".join(faults)}. Write {_quoted(SPLITS)} or another '
            'name into every row, or delete the row'
        )
    if others and wanted in SPLITS:
        _LOG.warning(
            f'{file}: column "split": {"; ".join(others)}; they are not in split {wanted!r}',
        )


def hold_out(
    organs: np.ndarray,
    patients: np.ndarray,
    fraction: float,
    seed: int = 0,
    min_images: int = MIN_TO_HOLD_OUT,
) -> np.ndarray:
    """Choose images to hold out, organ by organ and never splitting a patient.

    Within each organ whole patients are taken in random order while at most ``fraction`` of its
    images, and at least one image, are held out. Where that takes none because the patients drawn
    have too many images, the smallest patient is taken. An organ with fewer than ``min_images``
    or with a single patient keeps all of them. A patient counts to the organ of its first image.

    Args:
        organs: Codes [N].
        patients: Codes [N], -1 where not known: such an image is a patient of its own.
        fraction: In (0, 1).
        seed: Of the random order.
        min_images: Images that an organ must have for one to be held out.

    Returns:
        bool [N], True for held-out images.

    Raises:
        ValueError: ``fraction`` is out of range.
    """
    if not 0 < fraction < 1:
        raise ValueError(f'the fraction to hold out must be in (0, 1), got {fraction}')
    known = patients >= 0
    group = patients.astype(np.int64)
    group[~known] = group.max(initial=-1) + 1 + np.arange(np.count_nonzero(~known))
    _, first, group, sizes = np.unique(
        group, return_index=True, return_inverse=True, return_counts=True
    )
    group = group.reshape(-1)
    organ = organs[first]
    order = np.lexsort((np.random.default_rng(seed).random(len(sizes)), organ))
    taken = np.zeros(len(sizes), bool)
    bounds = np.flatnonzero(np.diff(organ[order], prepend=-1, append=-1))
    for start, stop in zip(bounds[:-1], bounds[1:], strict=True):
        groups = order[start:stop]
        total = sizes[groups].sum()
        if total < min_images or len(groups) == 1:
            continue
        chosen = groups[np.cumsum(sizes[groups]) <= max(1, round(fraction * total))]
        taken[chosen if len(chosen) else groups[np.argmin(sizes[groups])]] = True
    return taken[group]


def _read(file: Path, wanted: Sequence[str]) -> pa.Table:
    coded = pa.dictionary(pa.int32(), pa.string())
    if file.suffix == '.parquet':
        names = pa.parquet.read_schema(file).names
    else:
        with pa.csv.open_csv(file) as reader:
            names = reader.schema.names
    _check_columns(file, names)
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


def _check_columns(file: Path, found: Sequence[str]) -> None:
    missing = [name for name in REQUIRED_COLUMNS if name not in found]
    unknown = [name for name in found if name not in _COLUMNS and not name.startswith('_')]
    if not missing and not unknown:
        return
    faults = []
    if missing:
        faults.append(f'column {_quoted(missing)} is missing')
    for name in unknown:
        # A misspelt "patient" would silently let patients be split.
        close = difflib.get_close_matches(name.strip().lower(), _COLUMNS, n=1)
        hint = f' (did you mean {close[0]!r}?)' if close else ''
        faults.append(f'column {name!r} is unknown{hint}')
    raise BadIndexError(
        f'{file}: {"; ".join(faults)}. It has the columns {_quoted(found)}; an index has '
        f'{_quoted(REQUIRED_COLUMNS)} and where known {_quoted(OPTIONAL_COLUMNS)}. Rename the '
        'column, or let its name start with "_" to have it ignored'
    )


def _check_paths(file: Path, path: pa.ChunkedArray) -> None:
    empty = pc.fill_null(pc.equal(pc.binary_length(path), 0), True)
    if pc.any(empty).as_py():
        rows = _rows(empty)
        raise BadIndexError(f'{file}: column "path" is empty in {rows}: fill it in or delete them')
    # The cheap test first: a regular expression over millions of rows takes seconds.
    outside = pc.or_(pc.starts_with(path, '/'), pc.starts_with(path, '\\'))
    outside = pc.or_(outside, pc.equal(pc.utf8_slice_codeunits(path, 1, 2), ':'))
    if pc.any(pc.match_substring(path, '..')).as_py():
        outside = pc.or_(outside, pc.match_substring_regex(path, r'(^|[/\\])\.\.([/\\]|$)'))
    if pc.any(outside).as_py():
        example = pc.filter(path, outside)[0].as_py()
        raise BadIndexError(
            f'{file}: paths are relative to the data root and stay inside it, but '
            f'{_rows(outside)} have for instance {example!r}'
        )
    if pc.count_distinct(path).as_py() != len(path):
        counts = pc.value_counts(path)
        twice = pc.filter(counts.field('values'), pc.greater(counts.field('counts'), 1))
        raise BadIndexError(
            f'{file}: {len(twice)} paths occur more than once, for instance '
            f'{twice[0].as_py()!r}: delete the repeated rows'
        )


def _check_organs(file: Path, organ: pa.ChunkedArray) -> None:
    names = _one_chunk(organ).dictionary.to_pylist()
    blank = pa.array([name for name in names if not name.strip()], pa.string())
    empty = pc.is_null(organ)
    if len(blank):
        empty = pc.or_(empty, pc.is_in(organ.cast(pa.string()), blank))
    if pc.any(empty).as_py():
        raise BadIndexError(
            f'{file}: column "organ" is empty in {_rows(empty)}: name the organ or delete them'
        )


def _rows(mask: pa.ChunkedArray) -> str:
    rows = np.flatnonzero(mask.to_numpy())
    return f'{len(rows)} rows (first: data row {rows[0] + 1})'


def _quoted(names: Sequence[str]) -> str:
    return ', '.join(repr(name) for name in names)
