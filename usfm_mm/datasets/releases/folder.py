"""One's own images: with masks beside them, in the folders of their classes, or in pairs."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from usfm_mm.datasets.releases.items import (
    SPLITS,
    Item,
    Release,
    ReleaseError,
    has_folders,
    image_files,
    named,
    pair,
    safe_name,
)
from usfm_mm.datasets.releases.masks import binary_mask, class_mask
from usfm_mm.datasets.releases.pairs import (
    folder_pairs,
    has_organ_folders,
    is_pair_folder,
    organ_pairs,
)


def own_data(
    source: Path,
    organ: str,
    classes: Sequence[str] = (),
    patients: str | None = None,
    splits: Path | None = None,
) -> Release:
    """A release of ``images/`` and ``masks/``, of pairs, or of one folder for each class.

    Pairs lie in ``low_quality/`` and ``high_quality/`` under the same names; these two folders may
    lie in folders that are named by organ.

    Where the source has ``train/`` and ``test/``, and perhaps ``val/``, each is laid out so.

    Args:
        source: The folder.
        organ: Of all images.
        classes: Names of the mask values 1, 2, …; without them, masks are 0/1 or 0/255.
        patients: Regular expression, whose first group in an image's file name is the patient.
        splits: CSV that tells the split of each image, see :func:`read_splits`.

    Raises:
        ReleaseError: The folder is laid out in none of these ways, a class folder has no image, the
            CSV cannot be used or the folder has splits already, or the regular expression does not
            fit.
    """
    parts = {name: source / name for name in SPLITS if (source / name).is_dir()}
    if not {'train', 'test'} <= set(parts):
        parts = {'': source}
    elif splits is not None:
        raise ReleaseError(f'{source} has train/ and test/ already: leave --splits out')
    table = read_splits(splits) if splits is not None else None
    if has_folders('images')(source) and not has_folders('masks')(source):
        raise ReleaseError(f'{source} has images/ but no masks/: put the masks there')
    masked = {name: has_folders('images', 'masks')(folder) for name, folder in parts.items()}
    if any(masked.values()):
        if not all(masked.values()):
            raise ReleaseError(
                f'{source}: only {", ".join(n for n, both in masked.items() if both)} has images/ '
                'and masks/; each of train/, val/ and test/ needs both'
            )
        pairs = partial(_pairs, parts=parts, num_classes=len(classes))
        return Release(
            name='folder',
            page='',
            licence='',
            walk=lambda root: _complete(pairs(), root, organ, patients, table),
            seg_classes=('background', *(classes or ('foreground',))),
        )
    if all(is_pair_folder(folder) or has_organ_folders(folder) for folder in parts.values()):
        return Release(
            name='folder',
            page='',
            licence='',
            walk=lambda root: _complete(_qualities(parts), root, organ, patients, table),
            enhance=True,
        )
    labels = _class_folders(source, parts)
    return Release(
        name='folder',
        page='',
        licence='',
        walk=lambda root: _complete(_labelled(parts, labels), root, organ, patients, table),
        cls_classes=tuple(labels),
    )


def read_splits(path: Path) -> dict[str, str]:
    """Split of each image from a CSV with the columns ``name`` and ``split``.

    A name is an image's path in the source, or its file name, with or without suffix.

    Raises:
        FileNotFoundError: There is no such file.
        ReleaseError: It lacks a column, or has a name twice or a split other than
            train, val, test.
    """
    with open(path, newline='', encoding='utf-8-sig') as file:
        rows = csv.DictReader(file)
        if not {'name', 'split'} <= set(rows.fieldnames or ()):
            raise ReleaseError(f'{path} needs the columns name,split')
        splits: dict[str, str] = {}
        for row in rows:
            if row['name'] in splits:
                raise ReleaseError(f'{path} lists {row["name"]} twice')
            splits[row['name']] = named(
                row['split'], {split: split for split in SPLITS}, path, f'split of {row["name"]}'
            )
    return splits


def _qualities(parts: Mapping[str, Path]) -> Iterator[Item]:
    for part, folder in parts.items():
        for item in folder_pairs(folder) if is_pair_folder(folder) else organ_pairs(folder):
            yield replace(item, name=safe_name(f'{part}_{item.name}'), split=part or None)


def _class_folders(source: Path, parts: Mapping[str, Path]) -> list[str]:
    """Names of the classes; a split other than train may lack some."""
    held = {
        part: {path.name for path in folder.iterdir() if path.is_dir()}
        for part, folder in parts.items()
    }
    labels = sorted(next(iter(held.values())))
    if len(labels) < 2:
        raise ReleaseError(
            f'{source} is not laid out as expected: images/ and masks/ with the same names, '
            'low_quality/ and high_quality/ with the same names, or two or more folders, one for '
            'each class; in train/ and test/, if they are there'
        )
    for part, names in held.items():
        for name in sorted(names):
            if name not in labels:
                raise ReleaseError(f'{parts[part] / name}: train/ has no such class')
            if not image_files(parts[part] / name):
                raise ReleaseError(f'{parts[part] / name} has no image: fill or delete this class')
    return labels


def _pairs(parts: Mapping[str, Path], num_classes: int) -> Iterator[Item]:
    for part, folder in parts.items():
        for image, own in pair(image_files(folder / 'images'), image_files(folder / 'masks')):
            readers = (
                partial(class_mask, path, num_classes=num_classes + 1)
                if num_classes
                else partial(binary_mask, path)
                for path in own
            )
            yield Item(
                image=image,
                name=safe_name(f'{part}_{image.name}'),
                organ='',
                masks=tuple(readers),
                split=part or None,
            )


def _labelled(parts: Mapping[str, Path], labels: Sequence[str]) -> Iterator[Item]:
    for part, folder in parts.items():
        for label in labels:
            if not (folder / label).is_dir():
                continue
            for image in image_files(folder / label):
                yield Item(
                    image=image,
                    name=safe_name(f'{part}_{label}_{image.name}'),
                    organ='',
                    label=label,
                    split=part or None,
                )


def _complete(
    items: Iterable[Item],
    root: Path,
    organ: str,
    patients: str | None,
    table: Mapping[str, str] | None,
) -> Iterator[Item]:
    """Add what the command line tells of each image."""
    left = set(table or ())
    for item in items:
        split = item.split
        if table is not None:
            image = item.image
            names = (image.relative_to(root).as_posix(), image.name, image.stem)
            name = next((name for name in names if name in table), None)
            if name is None:
                raise ReleaseError(f'--splits does not list {image}: add it or remove the image')
            if name not in left:
                raise ReleaseError(f'--splits: {name} fits {image} and another: list paths')
            left.remove(name)
            split = table[name]
        yield replace(
            item, organ=item.organ or organ, patient=_patient(item.image, patients), split=split
        )
    if left:
        raise ReleaseError(f'--splits lists {min(left)}, which is not in {root}: remove the line')


def _patient(image: Path, patients: str | None) -> str | None:
    if patients is None:
        return None
    found = re.search(patients, image.name)
    if found is None or not found.groups():
        raise ReleaseError(f'--patients {patients!r} finds no group in the name of {image}')
    return found[1]
