"""One's own images: with masks beside them, in the folders of their classes, or in pairs."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from usfm_mm.converters.items import (
    ConversionError,
    Converter,
    Item,
    has_folders,
    image_files,
    named,
    nfc,
    pair,
    safe_name,
    subfolders,
)
from usfm_mm.converters.left_out import left_out_note
from usfm_mm.converters.masks import binary_mask, class_mask
from usfm_mm.converters.pairs import (
    folder_pairs,
    has_organ_folders,
    is_pair_folder,
    organ_pairs,
    quality_folders,
)
from usfm_mm.io.index_checks import SPLITS


def own_data(
    source: Path,
    organ: str,
    classes: Sequence[str] = (),
    patients: str | None = None,
    splits: Path | None = None,
) -> Converter:
    """A converter of ``images/`` and ``masks/``, of pairs, or of one folder for each class.

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
        ConversionError: The folder is laid out in none of these ways, an image lies too deep or
            has a format that is not read, the CSV cannot be used or the folder has splits already,
            or the regular expression is none. The walk raises it too: a class folder has no
            image, or the CSV or the regular expression does not fit.
    """
    parts = {name: source / name for name in SPLITS if (source / name).is_dir()}
    if not {'train', 'test'} <= set(parts):
        parts = {'': source}
    elif splits is not None:
        raise ConversionError(f'{source} has train/ and test/ already: leave --splits out')
    _check_pattern(patients)
    table = read_splits(splits) if splits is not None else None
    kind: dict[str, Any]
    if _has_masks(source, parts):
        folders = [folder / name for folder in parts.values() for name in ('images', 'masks')]
        read = partial(_pairs, parts, len(classes))
        kind = dict(seg_classes=('background', *(classes or ('foreground',))))
    elif all(is_pair_folder(folder) or has_organ_folders(folder) for folder in parts.values()):
        folders = [folder for part in parts.values() for folder in quality_folders(part)]
        read, kind = partial(_qualities, parts), dict(enhance=True)
    else:
        held = _class_folders(source, parts)
        folders = [folder for own in held.values() for folder in own.values()]
        read, kind = partial(_labelled, held), dict(cls_classes=tuple(next(iter(held.values()))))
    return Converter(
        name='folder',
        page='',
        licence='',
        walk=lambda root: _complete(read(), root, organ, patients, table),
        notes=left_out_note(source, folders),
        **kind,
    )


def read_splits(path: Path) -> dict[str, str]:
    """Split of each image from a CSV with the columns ``name`` and ``split``.

    A name is an image's path in the source, or its file name, with or without suffix.

    Returns:
        Names with composed letters (NFC), and their splits.

    Raises:
        FileNotFoundError: There is no such file.
        ConversionError: It is not in UTF-8, lacks a column, or has a name twice or a split other
            than train, val, test.
    """
    try:
        text = path.read_text(encoding='utf-8-sig')
    except UnicodeDecodeError as error:
        raise ConversionError(f'{path} is not in UTF-8 ({error}): save it as such') from error
    rows = csv.DictReader(io.StringIO(nfc(text)))
    if not {'name', 'split'} <= set(rows.fieldnames or ()):
        raise ConversionError(f'{path} needs the columns name,split')
    splits: dict[str, str] = {}
    for row in rows:
        if row['name'] in splits:
            raise ConversionError(f'{path} lists {row["name"]} twice')
        splits[row['name']] = named(
            row['split'], {split: split for split in SPLITS}, path, f'split of {row["name"]}'
        )
    return splits


def _check_pattern(patients: str | None) -> None:
    try:
        re.compile(patients or '')
    except re.error as error:
        raise ConversionError(
            f'--patients {patients!r} is no regular expression ({error}): correct it; a bracket '
            r'that stands for itself is written \( or \)'
        ) from error


def _has_masks(source: Path, parts: Mapping[str, Path]) -> bool:
    """Is each part laid out in ``images/`` and ``masks/``?"""
    if has_folders('images')(source) and not has_folders('masks')(source):
        raise ConversionError(f'{source} has images/ but no masks/: put the masks there')
    masked = [name for name, folder in parts.items() if has_folders('images', 'masks')(folder)]
    if masked and len(masked) < len(parts):
        raise ConversionError(
            f'{source}: only {", ".join(masked)} has images/ and masks/; each of train/, val/ and '
            'test/ needs both'
        )
    return bool(masked)


def _qualities(parts: Mapping[str, Path]) -> Iterator[Item]:
    for part, folder in parts.items():
        for item in folder_pairs(folder) if is_pair_folder(folder) else organ_pairs(folder):
            yield replace(item, name=safe_name(f'{part}_{item.name}'), split=part or None)


def _class_folders(source: Path, parts: Mapping[str, Path]) -> dict[str, dict[str, Path]]:
    """Folders of the classes in each split by their names; others than train may lack some."""
    held = {
        part: dict(sorted((nfc(path.name), path) for path in subfolders(folder)))
        for part, folder in parts.items()
    }
    labels = next(iter(held.values()))
    if len(labels) < 2:
        raise ConversionError(
            f'{source} is not laid out as expected: images/ and masks/ with the same names, '
            'low_quality/ and high_quality/ with the same names, or two or more folders, one for '
            'each class; in train/ and test/, if they are there'
        )
    for own in held.values():
        for name, folder in own.items():
            if name not in labels:
                raise ConversionError(f'{folder}: train/ has no such class')
    return held


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


def _labelled(held: Mapping[str, Mapping[str, Path]]) -> Iterator[Item]:
    for part, folders in held.items():
        for label, folder in folders.items():
            images = image_files(folder)
            if not images:
                raise ConversionError(f'{folder} has no image: fill or delete this class')
            for image in images:
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
            names = map(nfc, (image.relative_to(root).as_posix(), image.name, image.stem))
            name = next((name for name in names if name in table), None)
            if name is None:
                raise ConversionError(f'--splits does not list {image}: add it or remove the image')
            if name not in left:
                raise ConversionError(f'--splits: {name} fits {image} and another: list paths')
            left.remove(name)
            split = table[name]
        yield replace(
            item, organ=item.organ or organ, patient=_patient(item.image, patients), split=split
        )
    if left:
        raise ConversionError(
            f'--splits lists {min(left)}, which is not in {root}: remove the line'
        )


def _patient(image: Path, patients: str | None) -> str | None:
    if patients is None:
        return None
    found = re.search(patients, nfc(image.name))
    if found is None or not found.groups() or not found[1]:
        raise ConversionError(f'--patients {patients!r} finds no group in the name of {image}')
    return found[1]
