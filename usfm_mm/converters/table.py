"""What a table tells of one's own images: patient, class and split."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from usfm_mm.converters.items import ConversionError, nfc
from usfm_mm.io.index_checks import SPLITS

# Names that columns have, without capitals and what stands between words; the first is ours.
_NAMES = {
    'name': ('name', 'file', 'filename', 'image', 'imagename', 'imagefile', 'imagepath', 'path'),
    'patient': ('patient', 'patientid', 'pid', 'subject', 'subjectid'),
    'label': ('label', 'class', 'classname', 'diagnosis', 'category'),
    'split': ('split', 'set', 'subset', 'partition'),
}


@dataclass(frozen=True)
class Known:
    """What is known of an image; None where the table does not tell."""

    patient: str | None = None
    label: str | None = None
    split: str | None = None


class Table:
    """Rows of a CSV in UTF-8 that tells names and any of patient, label, split.

    A name is an image's path in the source, or its file name, with or without suffix. Commas,
    semicolons or tabs part the columns, whichever the first line has most of.

    Args:
        path: The CSV.
        columns: Of name, patient, label and split the column that tells it, '' for none; those
            left out are found by usual names.

    Attributes:
        note: A sentence on the columns that are used.

    Raises:
        FileNotFoundError: There is no such file.
        ConversionError: It is not in UTF-8, lacks a column, has two for one thing, has a name
            twice, a split other than train, val, test, or rows without what others have.
    """

    def __init__(self, path: Path, columns: Mapping[str, str] | None = None) -> None:
        self.path = path
        header, found = find_columns(path, columns or {})
        if 'name' not in found or len(found) < 2:
            what = 'no column of names' if 'name' not in found else 'names alone'
            raise ConversionError(
                f'{path} has {what}: its columns are {", ".join(header)}. Say which are which: '
                '--columns name=COLUMN,patient=COLUMN,label=COLUMN,split=COLUMN, those that it has'
            )
        self.note = f'{path}: ' + ', '.join(f'{key} from {c!r}' for key, c in found.items()) + '.'
        self.rows: dict[str, Known] = {}
        for row in _rows(path):
            cells = {key: (row[c] or '').strip() for key, c in found.items()}
            name = cells.pop('name')
            if name in self.rows:
                raise ConversionError(f'{path} lists {name} twice')
            known = Known(**{key: value or None for key, value in cells.items()})
            if known.split is not None and known.split.lower() not in SPLITS:
                raise ConversionError(
                    f'{path}: split of {name} {known.split!r} is unknown; known are '
                    f'{", ".join(SPLITS)}'
                )
            split = known.split and known.split.lower()
            self.rows[name] = Known(known.patient, known.label, split)
        for key in ('label', 'split'):
            lacking = [name for name, row in self.rows.items() if not getattr(row, key)]
            if lacking and len(lacking) < len(self.rows):
                raise ConversionError(
                    f'{path}: {lacking[0]} has no {key}, others have: fill in {found[key]!r}, or '
                    f'leave it out with --columns {key}='
                )
        self._left = set(self.rows)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, sorted; empty where the table tells none."""
        return tuple(sorted({row.label for row in self.rows.values() if row.label}))

    def tells(self, what: str) -> bool:
        """Does it have ``patient``, ``label`` or ``split`` of any image?"""
        return any(getattr(row, what) for row in self.rows.values())

    def take(self, image: Path, root: Path) -> Known:
        """What is known of an image, which has one row.

        Raises:
            ConversionError: It has none, or its row fits another image too.
        """
        names = map(nfc, (image.relative_to(root).as_posix(), image.name, image.stem))
        name = next((name for name in names if name in self.rows), None)
        if name is None:
            raise ConversionError(f'{self.path} does not list {image}: add it or remove the image')
        if name not in self._left:
            raise ConversionError(f'{self.path}: {name} fits {image} and another: list paths')
        self._left.remove(name)
        return self.rows[name]

    def check_all_taken(self, root: Path) -> None:
        """Refuse rows of which there was no image."""
        if self._left:
            raise ConversionError(
                f'{self.path} lists {min(self._left)}, which is not in {root}: remove the line'
            )


def column_names(text: str) -> dict[str, str]:
    """What ``--columns`` says: the column that tells each thing, '' for none.

    Raises:
        ConversionError: It is no list of such pairs.

    Example:
        >>> column_names('patient=Patient ID,label=')
        {'patient': 'Patient ID', 'label': ''}
    """
    pairs = [part.partition('=') for part in text.split(',')]
    for key, sign, _ in pairs:
        if key.strip() not in _NAMES or not sign:
            raise ConversionError(
                f'--columns {text}: write {"=COLUMN,".join(_NAMES)}=COLUMN, those that are needed'
            )
    return {key.strip(): nfc(column.strip()) for key, _, column in pairs}


def table_hint(files: Iterable[Path]) -> tuple[str, ...]:
    """A sentence on tables beside the images that could be taken, with their columns."""
    hints = []
    for path in files:
        try:
            _, found = find_columns(path, {})
        except (OSError, ConversionError):
            continue
        if 'name' in found and len(found) > 1:
            told = ', '.join(key for key in found if key != 'name')
            hints.append(f'{path} tells {told}: --table {path} takes it from there.')
    return tuple(hints)


def find_columns(path: Path, given: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """The table's columns, and of each thing that is told the one that tells it."""
    header = [name.strip() for name in next(read_lines(path), [])]
    found: dict[str, str] = {}
    for key, names in _NAMES.items():
        if key in given:
            usual = [given[key]] if given[key] else []
        else:
            usual = [c for c in header if re.sub(r'[\W_]', '', c).lower() in names]
            usual = [c for c in usual if c.lower() == names[0]] or usual
        missing = [name for name in usual if name not in header]
        if missing:
            raise ConversionError(
                f'--columns {key}={missing[0]}: the columns of {path} are {", ".join(header)}'
            )
        if len(usual) > 1:
            raise ConversionError(
                f'{path}: {" and ".join(usual)} both seem to tell the {key}: name one, '
                f'--columns {key}={usual[0]}'
            )
        found |= dict.fromkeys([key], usual[0]) if usual else {}
    return header, found


def _rows(path: Path) -> Iterator[dict[str, str | None]]:
    lines = read_lines(path)
    header = [name.strip() for name in next(lines, [])]
    for cells in lines:
        if any(cells):
            yield {**dict.fromkeys(header), **dict(zip(header, cells, strict=False))}


def read_lines(path: Path) -> Any:
    """The ``csv.reader`` of a table, its columns parted by commas, semicolons or tabs."""
    text = _text(path)
    first = text.partition('\n')[0]
    return csv.reader(io.StringIO(text), delimiter=max(',;\t', key=first.count))


def _text(path: Path) -> str:
    try:
        return nfc(path.read_text(encoding='utf-8-sig'))
    except UnicodeDecodeError as error:
        raise ConversionError(f'{path} is no CSV in UTF-8 ({error}): save it as one') from error
