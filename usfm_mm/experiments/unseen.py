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


def unseen_images(unseen: Unseen) -> dict[str, bool]:
    """Whether an image is kept from training, by its file's name and by that without its ending.

    Raises:
        FileNotFoundError: There is no ``index.csv``.
        ValueError: It lacks the column, or no image or every one has the value.
    """
    file = unseen.root / 'index.csv'
    with file.open(newline='', encoding='utf-8') as table:
        rows = list(csv.DictReader(table))
    if not rows or unseen.column not in rows[0]:
        there = ', '.join(rows[0]) if rows else 'nothing'
        raise ValueError(f'{file} has no column {unseen.column!r} ({there}): add it')
    values = sorted({row[unseen.column] for row in rows})
    if unseen.value not in values or len(values) < 2:
        raise ValueError(
            f'{file}: {unseen.column} is {", ".join(values)}; one of several must be kept for the '
            f'test, not {unseen.value!r}'
        )
    paths = [(Path(row['path']), row[unseen.column] == unseen.value) for row in rows]
    return {name: kept for path, kept in paths for name in (path.name, path.stem)}


def write_unseen_lists(unseen: Unseen, lists: Mapping[str, str], folder: Path) -> dict[str, Path]:
    """Write the lists of a training that never sees the value, and of a test on it alone.

    All images with the value are tested, also those of the training and validation lists.

    Args:
        unseen: What is kept from training.
        lists: Of the config, under the root: ``train`` (perhaps a share), ``val``, ``test``, and
            ``whole``, all of the training images.
        folder: To write to.

    Returns:
        Whole paths of ``train``, ``val`` and ``test``.

    Raises:
        ValueError: As :func:`unseen_images`, a list would be empty, or names what the index lacks.
    """
    images = unseen_images(unseen)
    texts = {key: (unseen.root / path).read_text(encoding='utf-8') for key, path in lists.items()}
    lines = {key: text.splitlines() for key, text in texts.items()}

    def kept(line: str) -> bool:
        """Of ``name`` in lists of segmentation, ``name.png label`` in those of classification."""
        name = line if line in images else Path(line.rpartition(' ')[0]).name
        if name not in images:
            raise ValueError(f'{unseen.root}: {line!r} of a list is not in index.csv')
        return images[name]

    tested = [line for key in ('whole', 'val', 'test') for line in lines[key] if kept(line)]
    found = {key: [line for line in lines[key] if not kept(line)] for key in ('train', 'val')}
    written = {}
    folder.mkdir(parents=True, exist_ok=True)
    for key, chosen in {**found, 'test': tested}.items():
        if not chosen:
            raise ValueError(
                f'{unseen.root}: no image for {key} where {unseen.column} is '
                f'{"" if key == "test" else "not "}{unseen.value}'
            )
        written[key] = (folder / f'{key}.txt').absolute()
        write_atomic(written[key], '\n'.join([*chosen, '']).encode())
    return written
