"""Train on some centres or scanners, test on another: lists by a column of the data's index."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from usfm_mm.io.atomic import write_atomic


@dataclass(frozen=True)
class Unseen:
    """What is kept from training and tested on.

    Attributes:
        root: Of the prepared data, with ``index.csv``.
        column: Of ``index.csv``, such as ``'center'`` or ``'device'``.
        value: Of the images that are tested on.
    """

    root: Path
    column: str
    value: str


def unseen_images(unseen: Unseen) -> dict[str, set[str]]:
    """Values of an image, by its file's name and by that without its ending.

    An image whose column is empty has the value ``''``. Files of one name in several folders have
    the values of all of them.

    Raises:
        FileNotFoundError: There is no ``index.csv``.
        ValueError: It lacks a column, a line is too short or too long, or no image or every one
            has the value.
    """
    file = unseen.root / 'index.csv'
    if not file.is_file():
        raise FileNotFoundError(f'{file}: no such file; "usfm prepare" writes it')
    with file.open(newline='', encoding='utf-8-sig') as table:
        reader = csv.reader(table)
        header = next(reader, [])
        for name in ('path', unseen.column):
            if name not in header:
                there = ', '.join(header) or 'nothing'
                raise ValueError(f'{file} has no column {name!r} ({there}): add it')
        places = header.index('path'), header.index(unseen.column)
        found: dict[str, set[str]] = {}
        for row in filter(None, reader):
            if len(row) != len(header):
                raise ValueError(
                    f'{file}, line {reader.line_num}: {len(row)} cells under {len(header)} names '
                    'of columns: mend the line'
                )
            path, value = Path(row[places[0]]), row[places[1]].strip()
            for name in (path.name, path.stem):
                found.setdefault(name, set()).add(value)
    values = sorted(set().union(*found.values()) - {''})
    if unseen.value not in values or len(values) < 2:
        raise ValueError(
            f'{file}: {unseen.column} is {", ".join(values) or "empty"}; one of several must be '
            f'kept for the test, not {unseen.value!r}'
        )
    return found


def unseen_lists(unseen: Unseen, lists: Mapping[str, str]) -> dict[str, list[str]]:
    """Lines of the lists of a training that never sees the value, and of a test on it alone.

    All images with the value are tested, also those of the training and validation lists. Images
    whose value nobody knows may have it: they are neither trained on nor tested.

    Args:
        unseen: What is kept from training.
        lists: Of the config, under the root: ``train`` (perhaps a share), ``val``, ``test``, and
            ``whole``, all of the training images.

    Returns:
        Lines of ``train``, ``val`` and ``test``; and those of ``left_out`` of all lists, whose
        value is not known.

    Raises:
        FileNotFoundError: As :func:`unseen_images`, or a list is missing.
        ValueError: As :func:`unseen_images`, a list would be empty, names what the index lacks, or
            a name that files of several values have.
    """
    images = unseen_images(unseen)
    lines: dict[str, list[str]] = {}
    for key, path in lists.items():
        file = unseen.root / path
        if not file.is_file():
            raise FileNotFoundError(f'{file}: no such list; "usfm prepare" writes it')
        text = file.read_text(encoding='utf-8')
        lines[key] = [line for line in text.splitlines() if line.strip()]

    def value(line: str) -> str:
        """Of ``name`` in lists of segmentation, ``name.png label`` in those of classification."""
        name = line if line in images else Path(line.rpartition(' ')[0]).name
        if name not in images:
            raise ValueError(
                f'{unseen.root}: {line!r} of a list is not in index.csv: add it there, or take it '
                'out of the list'
            )
        if len(images[name]) > 1:
            told = ', '.join(sorted(value or 'nothing' for value in images[name]))
            raise ValueError(
                f'{unseen.root / "index.csv"}: several files are called {name}, and their '
                f'{unseen.column} is {told}: rename all but one'
            )
        return next(iter(images[name]))

    every = [line for key in ('whole', 'val', 'test') for line in lines[key]]
    chosen = {
        key: [line for line in lines[key] if value(line) not in ('', unseen.value)]
        for key in ('train', 'val')
    }
    chosen['test'] = [line for line in every if value(line) == unseen.value]
    for key, own in chosen.items():
        if not own:
            raise ValueError(
                f'{unseen.root}: no image for {key} where {unseen.column} is '
                f'{"" if key == "test" else "not "}{unseen.value}'
            )
    return {**chosen, 'left_out': [line for line in every if not value(line)]}


def write_unseen_lists(unseen: Unseen, lists: Mapping[str, str], folder: Path) -> dict[str, Path]:
    """Write what :func:`unseen_lists` finds, whose arguments and errors are its.

    Returns:
        Whole paths of ``train``, ``val`` and ``test``; ``left_out.txt`` beside them is for people.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for key, lines in unseen_lists(unseen, lists).items():
        written[key] = (folder / f'{key}.txt').absolute()
        write_atomic(written[key], ''.join(f'{line}\n' for line in lines).encode())
    del written['left_out']
    return written
