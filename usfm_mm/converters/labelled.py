"""One's own images and clips with what a table tells of each: a class, findings, numbers."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from usfm_mm.converters.items import ConversionError, Converter, Item, nfc, safe_name
from usfm_mm.converters.patients import NONE, check_pattern, patient_in, refuse_to_guess
from usfm_mm.converters.table import find_columns, read_lines
from usfm_mm.database.readers.kinds import kind_of
from usfm_mm.database.types import RejectedError
from usfm_mm.inference.sources import is_picture
from usfm_mm.io.image_file import BadImageError, check_single, read_file
from usfm_mm.io.index_checks import SPLITS

_YES = ('1', '1.0', 'yes', 'y', 'true', 'positive', 'present')
_NO = ('0', '0.0', 'no', 'n', 'false', 'negative', 'absent')
OWN_COLUMNS = ('file', 'frames', 'patient', 'label')
"""Columns of the lists that are written, whatever the table has."""


@dataclass(frozen=True)
class Row:
    """A row of the table: where it stands, and its cells by column."""

    place: str
    cells: Mapping[str, str]


def labelled_data(
    source: Path,
    table: Path,
    columns: Mapping[str, str],
    labels: Sequence[str],
    values: Sequence[str],
    organ: str,
    patients: str | None,
) -> Converter:
    """A converter of images and clips with what a table tells of each.

    The table has a row for each file, named by its path in the source or its file name, with or
    without suffix, and may tell patient, class and split. Files that it does not list are left out.

    Args:
        source: Folder with the files, in folders within it too.
        table: CSV in UTF-8.
        columns: See :class:`~usfm_mm.converters.table.Table`.
        labels: Columns of findings, with 1 or 0, yes or no, true or false.
        values: Columns of numbers.
        organ: Of all of them.
        patients: See :func:`~usfm_mm.converters.folder.own_data`.

    Raises:
        ConversionError: The table lacks a column, or tells nothing to learn. The walk raises it
            too, naming row and column: a file is missing or fits two rows, a cell is out of range,
            or a patient is in two splits.
    """
    check_pattern(patients)
    header, found = find_columns(table, columns)
    for column in (*labels, *values):
        if column not in header:
            raise ConversionError(
                f'{table} has no column {column!r}: its columns are {", ".join(header)}'
            )
        if column in OWN_COLUMNS or (*labels, *values).count(column) > 1:
            raise ConversionError(
                f'{table}: call the column {column!r} otherwise, and name it once'
            )
    if 'name' not in found:
        raise ConversionError(
            f'{table} has no column of names: its columns are {", ".join(header)}. Say which it '
            'is: --columns name=COLUMN'
        )
    if not (labels or values or 'label' in found):
        raise ConversionError(
            f'{table} tells nothing to learn: name columns of yes or no (--labels), of numbers '
            f'(--values) or of classes (--columns label=COLUMN) among {", ".join(header)}'
        )
    rows = list(_rows(table, header))
    classes = tuple(sorted({row.cells[found['label']] for row in rows})) if 'label' in found else ()
    if len(classes) == 1:
        raise ConversionError(
            f'{table}: column {found["label"]!r} has one class only, {classes[0]!r}; leave it out '
            'with --columns label='
        )
    read = partial(_items, table, rows, found, labels, values, organ, patients)
    told = ', '.join(f'{key} from {column!r}' for key, column in found.items())
    unused = [column for column in header if column not in (*found.values(), *labels, *values)]
    others = len(_files(source)) - len(rows)
    return Converter(
        name='table',
        page='',
        licence='',
        walk=read,
        cls_classes=classes,
        label_names=tuple(labels),
        value_names=tuple(values),
        notes=(
            f'{table}: {told}.' + f' Not used: {", ".join(unused)}.' * bool(unused),
            *([f'Pictures and clips that it does not list: {others}.'] if others > 0 else []),
        ),
    )


def _rows(table: Path, header: Sequence[str]) -> Iterator[Row]:
    lines = read_lines(table)
    next(lines)
    for cells in lines:
        if any(cells):
            padded = [cell.strip() for cell in cells] + [''] * (len(header) - len(cells))
            place = f'{table}, line {lines.line_num}'
            yield Row(place, dict(zip(header, padded, strict=False)))


def _items(
    table: Path,
    rows: Sequence[Row],
    found: Mapping[str, str],
    labels: Sequence[str],
    values: Sequence[str],
    organ: str,
    patients: str | None,
    source: Path,
) -> list[Item]:
    files = _by_name(_files(source), source)
    taken: dict[Path, str] = {}
    split_of: dict[str, tuple[str, str]] = {}
    items = []
    for row in rows:
        cells = {key: row.cells[column] for key, column in found.items()}
        file = _file_of(row, found['name'], cells['name'], files, source)
        if file in taken:
            raise ConversionError(f'{row.place}: {file} is told at {taken[file]} too')
        taken[file] = row.place
        patient = cells.get('patient') or None
        if patient is None and patients not in (None, NONE):
            patient = patient_in(file, patients)
        split = _split(row, found, cells.get('split', ''))
        if patient and split:
            other, where = split_of.setdefault(patient, (split, row.place))
            if other != split:
                raise ConversionError(
                    f'{row.place}, column {found["split"]}: patient {patient} is in {split}, at '
                    f'{where} in {other}: a patient belongs into one split'
                )
        if 'label' in found and not cells['label']:
            raise ConversionError(f'{row.place}, column {found["label"]}: no class: fill it in')
        items.append(
            Item(
                image=file,
                name=safe_name(file.relative_to(source).as_posix()),
                organ=organ,
                label=cells.get('label'),
                patient=patient,
                split=split,
                told=(
                    *(_yes_or_no(row, column) for column in labels),
                    *(_number(row, column) for column in values),
                ),
                clip=is_clip(file),
            )
        )
    if patients is None and not any(item.patient for item in items):
        refuse_to_guess([item.image.name for item in items])
    return items


def is_clip(file: Path) -> bool:
    """Whether a file is read frame by frame: all but an image of one page.

    Raises:
        ConversionError: It is of no kind that is read.
    """
    try:
        if kind_of(file) != 'image':
            return True
        check_single(read_file(file))
    except RejectedError as error:
        raise ConversionError(f'{file}: {error}; remove it and its row') from error
    except BadImageError:
        return True
    return False


def _files(source: Path) -> list[Path]:
    files = (path for path in source.rglob('*') if path.is_file())
    return sorted(path for path in files if not path.name.startswith('.') and is_picture(path))


def _by_name(files: Sequence[Path], source: Path) -> dict[str, list[Path]]:
    names: dict[str, list[Path]] = {}
    for file in files:
        inner = file.relative_to(source)
        told = {inner.as_posix(), inner.with_suffix('').as_posix(), file.name, file.stem}
        for name in told:
            names.setdefault(nfc(name), []).append(file)
    return names


def _file_of(
    row: Row, column: str, name: str, files: Mapping[str, list[Path]], source: Path
) -> Path:
    found = files.get(nfc(name), [])
    if len(found) == 1:
        return found[0]
    if not found:
        raise ConversionError(
            f'{row.place}, column {column}: {name!r} is no picture or clip in {source}: add it or '
            'remove the row'
        )
    raise ConversionError(
        f'{row.place}, column {column}: {name!r} may be {found[0]} or {found[1]}: write its path '
        f'in {source}, with suffix'
    )


def _split(row: Row, found: Mapping[str, str], cell: str) -> str | None:
    if 'split' not in found:
        return None
    if cell.lower() not in SPLITS:
        raise ConversionError(
            f'{row.place}, column {found["split"]}: {cell!r} is none of {", ".join(SPLITS)}'
        )
    return cell.lower()


def _yes_or_no(row: Row, column: str) -> float:
    cell = row.cells[column].lower()
    if cell not in (*_YES, *_NO):
        raise ConversionError(
            f'{row.place}, column {column}: {row.cells[column]!r} is neither yes nor no (1 or 0, '
            'true or false): correct it, or leave the row out'
        )
    return float(cell in _YES)


def _number(row: Row, column: str) -> float:
    try:
        value = float(row.cells[column])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ConversionError(
            f'{row.place}, column {column}: {row.cells[column]!r} is no number: correct it, or '
            'leave the row out'
        )
    return value
