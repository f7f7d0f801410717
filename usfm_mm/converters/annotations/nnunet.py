"""nnU-Net's raw data, version 2: ``dataset.json``, ``imagesTr``, ``labelsTr``, perhaps ``…Ts``."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from usfm_mm.converters.annotations.exported import told_cases
from usfm_mm.converters.annotations.files import field, inside, read_json
from usfm_mm.converters.annotations.found import Found, left_out, settled
from usfm_mm.converters.annotations.nnunet_labels import read_labels
from usfm_mm.converters.annotations.slices import VOLUMES, check_read, mapped, slice_items
from usfm_mm.converters.items import ConversionError, Item, find_folder, nfc, safe_name, subfolders
from usfm_mm.converters.masks import class_mask

_DRAWN = 'There is no labelsTs, so the split is drawn anew, whatever splits_final.json says.'


def is_it(source: Path) -> bool:
    """Does the folder hold nnU-Net's raw data, directly or up to two folders below?"""
    level = [source]
    for _ in range(3):
        if any(map(_has_it, level)):
            return True
        level = [child for folder in level for child in subfolders(folder)]
    return False


def _has_it(folder: Path) -> bool:
    file = folder / 'dataset.json'
    if not file.is_file():
        return False
    text = file.read_bytes()
    return b'"labels"' in text and (b'"channel_names"' in text or b'"modality"' in text)


def read(source: Path, classes: Sequence[str]) -> Found:
    """Cases of ``imagesTr`` and, where they have labels, of ``imagesTs``, which are the test set.

    Fold 0 of ``splits_final.json`` tells train from val. Of several channels, the first is taken;
    those named R, G, B are one picture. Of what ``usfm export-data`` wrote, patients, labels and
    organs are taken, too.

    Args:
        source: Folder of the data set.
        classes: Other names for its labels 1, 2, …; empty for its own.

    Raises:
        ConversionError: A file is missing or damaged, has no counterpart or undeclared values.
    """
    root = find_folder(source, _has_it, 'dataset.json beside imagesTr/ and labelsTr/')
    file = root / 'dataset.json'
    about = read_json(file)
    ending = field(about, 'file_ending', str, str(file))
    seg, values, notes = read_labels(about, file, classes)
    cases = _cases(root, about, ending)
    train = {name for name, (_, _, part) in cases.items() if part == 'Tr'}
    splits, note = _splits(root, train, len(train) < len(cases))
    told = told_cases(root, about, set(cases))
    channels = about.get('channel_names') or about.get('modality') or {}
    items: list[Item] = []
    for name in told or cases:
        images, label, part = cases[name]
        _check_channels(images, channels, f'{file}: case {name}')
        item = Item(image=images[0], name=safe_name(name), organ='', split=splits.get(name, 'test'))
        if told:
            item = replace(item, **told[name])
        if ending.lower().endswith(VOLUMES):
            check_read(images[0])
            items += slice_items(images[0], label, values, item)
        else:
            items.append(replace(item, masks=(partial(_label, label, values),)))
    return Found(
        settled(items, 'leave splits_final.json out'),
        seg,
        tuple(about['usfm_mm'].get('cls_classes', ())) if told else (),
        (*notes, *_channel_notes(channels), *note, *_unlabelled(root, ending, cases)),
        patients=any(case.get('patient') for case in told.values()),
        page=str(about.get('reference', '')),
        licence=str(about.get('licence', '')),
    )


def _cases(
    root: Path, about: Mapping[str, Any], ending: str
) -> dict[str, tuple[list[Path], Path, str]]:
    """Images by channel, label and 'Tr' or 'Ts' of every case."""
    cases: dict[str, tuple[list[Path], Path, str]] = {}
    if isinstance(about.get('dataset'), dict):  # paths in place of folders
        for name, entry in about['dataset'].items():
            where = f'{root / "dataset.json"}: dataset: {name}'
            paths = [*field(entry, 'images', list, where), field(entry, 'label', str, where)]
            *channels, label = (inside(root, path, root, where) for path in paths)
            cases[nfc(name)] = (channels, label, 'Tr')
    parts = [] if cases else ['Tr']
    parts += ['Ts'] if (root / 'labelsTs').is_dir() and any((root / 'labelsTs').iterdir()) else []
    for part in parts:
        images = _by_case(root / f'images{part}', rf'_(\d{{4}}){re.escape(ending)}')
        labels = _by_case(root / f'labels{part}', f'(){re.escape(ending)}')
        for own, other, what in ((images, labels, 'label'), (labels, images, 'image')):
            for name in own:
                if name not in other:
                    raise ConversionError(
                        f'{own[name][0]} has no {what} {name}{"_0000" * (what == "image")}{ending}'
                        f' in {root / (what + "s" + part)}: add it, or remove the file'
                    )
        for name in images:
            if name in cases:
                raise ConversionError(f'{images[name][0]}: imagesTr has {name}, too: rename one')
            cases[name] = (images[name], labels[name][0], part)
    for images_of, label, _ in cases.values():
        for path in (*images_of, label):
            if not path.is_file():
                raise ConversionError(f'{path}, named in {root / "dataset.json"}, is missing')
    return cases


def _by_case(folder: Path, pattern: str) -> dict[str, list[Path]]:
    if not folder.is_dir():
        raise ConversionError(f'{folder} is missing, which nnU-Net needs beside dataset.json')
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        matched = re.fullmatch(f'(.+){pattern}', nfc(path.name))
        if matched and not path.name.startswith('.'):
            found.setdefault(matched[1], []).append(path)
    return found


def _check_channels(images: list[Path], channels: Mapping, where: str) -> None:
    one_picture = len(images) == 1 and len(channels) in (3, 4)
    if len(images) != len(channels) and not one_picture:
        raise ConversionError(
            f'{where} has {len(images)} images, but {len(channels)} channels are declared '
            '(channel_names): add what is missing'
        )


def _channel_notes(channels: Mapping) -> tuple[str, ...]:
    names = [str(name) for name in channels.values()]
    if len(names) < 2:
        return ()
    if [name[:1].upper() for name in names[:3]] == ['R', 'G', 'B']:
        return (f'Channels {", ".join(names)}: where one file holds them they become grey.',)
    return (f'Of the channels {", ".join(names)} the first is taken.',)


def _splits(root: Path, train: set[str], has_test: bool) -> tuple[dict[str, str], tuple[str, ...]]:
    file = root / 'splits_final.json'
    if not file.is_file() or not has_test:
        note = (_DRAWN,) if file.is_file() else ()
        return dict.fromkeys(train, 'train'), note
    folds = read_json(file)
    fold = folds[0] if isinstance(folds, list) and folds else None
    splits: dict[str, str] = {}
    for split in ('train', 'val'):
        for name in field(fold, split, list, f'{file}: fold 0'):
            if name not in train or name in splits:
                why = 'is in train and val' if name in splits else 'is not in imagesTr'
                raise ConversionError(f'{file}: fold 0: {name} {why}')
            splits[name] = split
    if train - set(splits):
        raise ConversionError(f'{file}: fold 0 does not tell of {min(train - set(splits))}')
    return splits, (f'Train and val are fold 0 of {len(folds)} of splits_final.json.',)


def _unlabelled(root: Path, ending: str, cases: Mapping) -> tuple[str, ...]:
    if not (root / 'imagesTs').is_dir():
        return ()
    names = _by_case(root / 'imagesTs', rf'_(\d{{4}}){re.escape(ending)}')
    return left_out('test images without labels', sorted(set(names) - set(cases)))


def _label(path: Path, values: Mapping[int, int], shape: tuple[int, int]) -> np.ndarray:
    return mapped(class_mask(path, shape, max(values) + 1), values, str(path))
