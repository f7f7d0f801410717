"""What a table tells of one's own images: patient, class and split."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from usfm_mm.converters.items import ConversionError, nfc
from usfm_mm.io.index_checks import SPLITS

_NAME = ('name', 'file', 'filename', 'image', 'path')
_COLUMNS = ('patient', 'label', 'split')


@dataclass(frozen=True)
class Known:
    """What is known of an image; None where the table does not tell."""

    patient: str | None = None
    label: str | None = None
    split: str | None = None


class Table:
    """Rows of a CSV in UTF-8 with a column ``name`` and any of patient, label, split.

    A name is an image's path in the source, or its file name, with or without suffix.

    Args:
        path: The CSV.

    Raises:
        FileNotFoundError: There is no such file.
        ConversionError: It is not in UTF-8, lacks a column, has a name twice, a split other than
            train, val, test, or rows without what others have.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        columns = _columns(path)
        if columns['name'] is None or not any(columns[name] for name in _COLUMNS):
            raise ConversionError(
                f'{path} needs the column name and one or more of {", ".join(_COLUMNS)}; its first '
                f'line is {_text(path).partition(chr(10))[0]!r}'
            )
        self.rows: dict[str, Known] = {}
        for row in csv.DictReader(io.StringIO(_text(path))):
            cells = {key: (row[c] or '').strip() for key, c in columns.items() if c}
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
                raise ConversionError(f'{path}: {lacking[0]} has no {key}, others have')
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


def table_hint(files: Iterable[Path]) -> tuple[str, ...]:
    """A sentence on tables beside the images that could be taken, with their columns."""
    hints = []
    for path in files:
        try:
            columns = {key: name for key, name in _columns(path).items() if name}
        except (OSError, ConversionError):
            continue
        if 'name' in columns and len(columns) > 1:
            told = ', '.join(key for key in columns if key != 'name')
            hints.append(f'{path} tells {told}: --table {path} takes it from there.')
    return tuple(hints)


def _columns(path: Path) -> Mapping[str, str | None]:
    """Of each thing that can be told the column that tells it."""
    header = next(csv.reader(io.StringIO(_text(path))), [])
    names = {name.strip().lower(): name for name in reversed(header)}
    found = {key: names.get(key) for key in _COLUMNS}
    return {'name': next((names[n] for n in _NAME if n in names), None), **found}


def _text(path: Path) -> str:
    try:
        return nfc(path.read_text(encoding='utf-8-sig'))
    except UnicodeDecodeError as error:
        raise ConversionError(f'{path} is not in UTF-8 ({error}): save it as such') from error
