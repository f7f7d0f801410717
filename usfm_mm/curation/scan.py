"""The images of a data set and what is known of each: from folders, names, a table or indexes."""

import csv
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from usfm_mm.io.image_file import IMAGE_EXTENSIONS
from usfm_mm.io.index import has_index, read_index
from usfm_mm.io.index_checks import OPTIONAL_COLUMNS
from usfm_mm.io.mask_names import is_image_folder, means_mask, split_of

# The index's columns of one image.
Row = dict[str, str | None]
Say = Callable[[str], None]


def rows_of_folders(root: Path, say: Say) -> list[Row]:
    """One organ per folder under ``root``; every image below it belongs to it.

    Raises:
        ValueError: A folder has no images, or the root is a prepared data set.
    """
    if (root / 'dataset.json').is_file() and (root / 'splits').is_dir():
        raise ValueError(
            f'{root} is a prepared data set, which has its index: train on it as it is. To join '
            f'several, give the folder that holds them: usfm index {root.parent} --prepared'
        )
    rows: list[Row] = []
    for folder in _folders(root):
        paths = list(image_paths(root, folder))
        if not paths:
            raise ValueError(
                f'organ folder {folder} has no images '
                f'({", ".join(IMAGE_EXTENSIONS)}): fill or delete it'
            )
        rows += [{'path': path, 'organ': folder.name} for path in paths]
    stray = [
        path.name
        for path in root.iterdir()
        if path.suffix.lower() in IMAGE_EXTENSIONS and path.name != 'organ_distribution.png'
    ]
    if stray:
        say(
            f'{len(stray)} images lie directly in {root}, not in the folder of an organ, and are '
            f'left out, for instance {stray[0]}'
        )
    return rows


def rows_of_pattern(root: Path, pattern: str, say: Say) -> list[Row]:
    """Columns from the named groups of ``pattern``, matched at the start of relative paths.

    Raises:
        ValueError: The pattern cannot be compiled or its groups are not columns of an index.
    """
    try:
        regex = re.compile(pattern)
    except re.error as error:
        raise ValueError(f'--pattern {pattern!r}: {error}') from error
    groups = set(regex.groupindex)
    if 'organ' not in groups or groups - {'organ', *OPTIONAL_COLUMNS}:
        raise ValueError(
            f'--pattern {pattern!r} must name a group "organ", and may name '
            f'{", ".join(OPTIONAL_COLUMNS)}; it names {sorted(groups)}'
        )
    paths = list(image_paths(root, root))
    matches = [(path, regex.match(path)) for path in paths]
    rows: list[Row] = [{'path': path, **match.groupdict()} for path, match in matches if match]
    if len(rows) < len(paths):
        say(f'{len(paths) - len(rows)} images do not match --pattern and are left out')
    return rows


def rows_of_prepared(root: Path) -> list[Row]:
    """Rows of the indexes in the folders under ``root``; a patient belongs to its folder.

    Raises:
        ValueError: No folder has an index, or an index cannot be used.
    """
    rows: list[Row] = []
    for folder in _folders(root):
        if not has_index(folder):
            continue
        for record in read_index(folder).to_pylist():
            row: Row = dict(record, path=f'{folder.name}/{record["path"]}')
            if row.get('patient'):
                row['patient'] = f'{folder.name}:{row["patient"]}'
            rows.append(row)
    if not rows:
        raise ValueError(f'no folder under {root} has an index: make them with "usfm prepare"')
    return rows


def rows_of_manifest(manifest: Path, say: Say) -> list[Row]:
    """Rows of a CSV; ``file`` stands for ``path``, and ``group`` within ``dataset`` for patient.

    Raises:
        ValueError: It has no column for the path or the organ, or an organ is empty.
    """
    with open(manifest, newline='', encoding='utf-8') as file:
        records = list(csv.DictReader(file))
    if not records:
        raise ValueError(f'{manifest} has no rows')
    columns = list(records[0])
    path_column = 'path' if 'path' in columns else 'file'
    if path_column not in columns or 'organ' not in columns:
        raise ValueError(
            f'{manifest} has the columns {", ".join(columns)}; it needs "path" (or '
            '"file") and "organ"'
        )
    rows: list[Row] = []
    for number, record in enumerate(records, 2):
        if not record['organ']:
            raise ValueError(f'{manifest}, line {number}: column "organ" is empty')
        if not record[path_column].lower().endswith(IMAGE_EXTENSIONS):
            continue
        row: Row = {'path': record[path_column], 'organ': record['organ']}
        row |= {name: record[name] or None for name in OPTIONAL_COLUMNS if name in columns}
        if 'patient' not in columns and record.get('group'):
            row['patient'] = ':'.join(filter(None, (record.get('dataset'), record['group'])))
        rows.append(row)
    if len(rows) < len(records):
        say(
            f'{len(records) - len(rows)} files of the manifest are not images '
            f'({", ".join(IMAGE_EXTENSIONS)}) and are left out'
        )
    return rows


def image_paths(root: Path, folder: Path) -> Iterator[str]:
    """Paths of the images below ``folder``, relative to ``root``, with forward slashes."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        prefix = Path(parent).relative_to(root).as_posix()
        for name in sorted(names):
            if name.lower().endswith(IMAGE_EXTENSIONS) and not name.startswith('.'):
                yield name if prefix == '.' else f'{prefix}/{name}'


def check_organ_names(names: Iterable[str]) -> None:
    """Refuse two names that differ in capitals, or in spaces around them, only.

    Raises:
        ValueError: There are two.

    Example:
        >>> check_organ_names(['liver', 'Liver'])
        Traceback (most recent call last):
        ValueError: organs 'Liver' and 'liver' differ in capitals or spaces only: give them one name
    """
    seen: dict[str, str] = {}
    for name in sorted(names):
        other = seen.setdefault(name.strip().lower(), name)
        if other != name:
            raise ValueError(
                f'organs {other!r} and {name!r} differ in capitals or spaces only: '
                'give them one name'
            )


def check_organ_folders(root: Path, names: Iterable[str]) -> None:
    """Refuse folders that seem to hold masks or parts of a data set, not images of an organ.

    Raises:
        ValueError: There is one.
    """
    for name in sorted(names, key=lambda name: (not means_mask(name), name)):
        if means_mask(name):
            raise ValueError(
                f'{root / name} seems to hold masks, not images of an organ: "usfm prepare folder '
                f'{root} NEW" finds their images and makes an index too; or leave them out: '
                f"--exclude '^{name}/'"
            )
        if split_of(name) or is_image_folder(name):
            raise ValueError(
                f'{root / name} is named like a part of a data set, not like an organ: name it by '
                'its organ, or say with --pattern or --manifest where the organ stands'
            )


def _folders(root: Path) -> list[Path]:
    """Folders in ``root`` without hidden ones, such as a stopped conversion leaves."""
    return sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] != '.')
