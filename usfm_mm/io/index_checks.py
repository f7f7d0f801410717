"""What an index must hold, each fault with the rows and the remedy."""

import difflib
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

REQUIRED_COLUMNS = ('path', 'organ')
OPTIONAL_COLUMNS = ('center', 'device', 'patient', 'split')
COLUMNS = REQUIRED_COLUMNS + OPTIONAL_COLUMNS
SPLITS = ('train', 'val', 'test')
_LOG = logging.getLogger(__name__)


class BadIndexError(ValueError):
    """An index that cannot be used; the message names the file, the fault and the remedy."""


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


def check_columns(file: Path, found: Sequence[str]) -> None:
    """Refuse an index that lacks a column or has one of an unknown name."""
    missing = [name for name in REQUIRED_COLUMNS if name not in found]
    unknown = [name for name in found if name not in COLUMNS and not name.startswith('_')]
    if not missing and not unknown:
        return
    faults = []
    if missing:
        faults.append(f'column {_quoted(missing)} is missing')
    for name in unknown:
        # A misspelt "patient" would silently let patients be split.
        close = difflib.get_close_matches(name.strip().lower(), COLUMNS, n=1)
        hint = f' (did you mean {close[0]!r}?)' if close else ''
        faults.append(f'column {name!r} is unknown{hint}')
    raise BadIndexError(
        f'{file}: {"; ".join(faults)}. It has the columns {_quoted(found)}; an index has '
        f'{_quoted(REQUIRED_COLUMNS)} and where known {_quoted(OPTIONAL_COLUMNS)}. Rename the '
        'column, or let its name start with "_" to have it ignored'
    )


def check_paths(file: Path, path: pa.ChunkedArray) -> None:
    """Refuse paths that are empty, lead out of the data root, or occur twice."""
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


def check_organs(file: Path, organ: pa.ChunkedArray) -> None:
    """Refuse rows without an organ; spaces are none."""
    empty = pc.is_null(organ)
    names = organ.unify_dictionaries().chunk(0).dictionary
    blank = names.filter(pc.equal(pc.utf8_trim_whitespace(names), ''))
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
