"""A look at images, masks and lists before a model is trained or tested on them.

The hosts find most of what can be wrong with data made by hand after hours, as an index error in a
loss, or never: an image that is cut off is grey below the cut.
"""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from mmengine.config import Config
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.logging import print_log
from PIL import Image
from rich.progress import track

from usfm_mm.datasets.image_io import BadImageError, check_complete, read_file

_KINDS = ('BaseSegDataset', 'CustomDataset')
_LEFT_OUT = 255  # of mmseg's losses and of our metric
_SHOWN = 10
_LAYOUT = 'docs/adaptation.md shows the layout, tools/prepare_data.py writes it'


@dataclass(frozen=True)
class _Row:
    """A line of a list; ``mask`` in segmentation, ``label`` in classification."""

    image: Path
    mask: Path | None = None
    label: int | None = None


@dataclass(frozen=True)
class _Split:
    """``values``: how many mask values are declared, background included."""

    name: str
    list_file: Path
    rows: list[_Row]
    classes: Sequence[str]
    values: int


def check_data(cfg: Config, splits: Sequence[str]) -> None:
    """Check the data of a downstream config, unless ``check_data`` is False in it.

    Files are read on the main process only; the others wait, and stop with it. Lists are those of
    mmseg's ``BaseSegDataset`` and mmpretrain's ``CustomDataset``; other data sets are not checked.

    Args:
        cfg: Config of the run.
        splits: Whose images are read: 'train', 'val', 'test'. Of the others only the lists are,
            for images that are in two of them.

    Raises:
        ValueError: On all ranks, where images, masks or lists would break training or make its
            result meaningless. The message names the files, ten at most, and the remedies.
    """
    if not cfg.get('check_data', False):
        return
    errors: list[str] = []
    warnings: list[str] = []
    if is_main_process():
        find_problems(cfg, splits, errors, warnings)
    for text in warnings:
        print_log(text, logger='current', level=logging.WARNING)
    shared = [errors]
    broadcast_object_list(shared)
    errors = shared[0]
    if errors:
        more = [f'... and {len(errors) - _SHOWN} more'] if len(errors) > _SHOWN else []
        raise ValueError(
            'The data cannot be used (--cfg-options check_data=False skips this check):\n'
            + '\n'.join(errors[:_SHOWN] + more)
        )


def find_problems(
    cfg: Config, splits: Sequence[str], errors: list[str], warnings: list[str]
) -> None:
    """Append what is wrong to ``errors``, and what may be meant to be so to ``warnings``.

    Args:
        cfg: As in :func:`check_data`.
        splits: As in :func:`check_data`.
        errors: Extended in place.
        warnings: Extended in place.
    """
    found = []
    for name in ('train', 'val', 'test'):
        split = _read_split(cfg, name, errors if name in splits else [])
        if split is not None:
            found.append(split)
    _compare_lists(found, splits, errors, warnings)
    for split in found:
        if split.name in splits:
            _check_split(split, errors, warnings)


def _read_split(cfg: Config, name: str, errors: list[str]) -> _Split | None:
    dataset = (cfg.get(f'{name}_dataloader') or {}).get('dataset', {})
    kind = str(dataset.get('type', '')).rpartition('.')[2]
    classes = (dataset.get('metainfo') or {}).get('classes')
    if kind not in _KINDS or not dataset.get('ann_file') or not classes:
        return None
    root = Path(dataset.get('data_root') or '')
    list_file = root / dataset.ann_file
    prefix = dataset.get('data_prefix') or ''
    if isinstance(prefix, str):
        prefix = dict(img_path=prefix)
    images = root / prefix.get('img_path', '')
    try:
        lines = list_file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = 'no such list' if isinstance(error, FileNotFoundError) else str(error)
        errors.append(f'{list_file}: {reason}; {_LAYOUT}')
        return None
    rows = []
    for number, line in enumerate(lines, 1):
        if kind == 'BaseSegDataset':
            masks = root / prefix.get('seg_map_path', '')
            stem, suffix = line.strip(), dataset.get('img_suffix', '.jpg')
            good, form = bool(stem) and not stem.endswith(suffix), f'a name without {suffix}'
            mask = masks / f'{stem}{dataset.get("seg_map_suffix", ".png")}'
            row = _Row(images / f'{stem}{suffix}', mask)
        else:
            path, _, label = line.strip().rpartition(' ')
            good = bool(path) and label.isdigit() and int(label) < len(classes)
            form = f'"NAME.png 0", the number below {len(classes)} ({", ".join(classes)})'
            row = _Row(images / path, label=int(label) if good else None)
        if good:
            rows.append(row)
        else:
            errors.append(f'{list_file}, line {number}: {line!r} is not {form}')
    if not lines:
        errors.append(f'{list_file} is empty: list images in it; {_LAYOUT}')
    values = len(classes) + bool(dataset.get('reduce_zero_label'))
    return _Split(name, list_file, rows, classes, values)


def _compare_lists(
    found: Sequence[_Split], splits: Sequence[str], errors: list[str], warnings: list[str]
) -> None:
    for i, one in enumerate(found):
        for other in found[i + 1 :]:
            if not {one.name, other.name} & set(splits):
                continue
            if one.list_file == other.list_file:
                warnings.append(
                    f'{one.list_file} is the list of {one.name} and of {other.name}: the result '
                    'says nothing about new images'
                )
                continue
            both = {row.image for row in one.rows} & {row.image for row in other.rows}
            if both:
                errors.append(
                    f'{one.list_file} and {other.list_file} share {len(both)} images, for '
                    f'instance {min(both)}: leave each in one of them'
                )


def _check_split(split: _Split, errors: list[str], warnings: list[str]) -> None:
    workers = min(8, os.cpu_count() or 1)
    looked = Parallel(n_jobs=workers, prefer='threads', return_as='generator')(
        delayed(_look_at)(row, split.values) for row in split.rows
    )
    seen: set[int] = set()
    before = len(errors)
    for problem, values in track(
        looked, f'checking {split.name}', total=len(split.rows), transient=True
    ):
        if problem:
            errors.append(problem)
        seen |= values
    if not split.rows or len(errors) > before:
        return
    if split.rows[0].mask is None:
        _check_labels(split, errors, warnings)
    elif split.values == len(split.classes):
        _check_foreground(split, seen, errors, warnings)


def _check_labels(split: _Split, errors: list[str], warnings: list[str]) -> None:
    held = {row.label for row in split.rows}
    missing = [name for label, name in enumerate(split.classes) if label not in held]
    if not missing:
        return
    text = f'{split.list_file} has no image of {", ".join(missing)}'
    if len(held) == 1 and split.name == 'train':
        errors.append(f'{text}: nothing can be learned from a single class')
    else:
        warnings.append(f'{text}: they count as classes nevertheless')


def _check_foreground(
    split: _Split, seen: set[int], errors: list[str], warnings: list[str]
) -> None:
    missing = [name for value, name in enumerate(split.classes) if value and value not in seen]
    if len(missing) < len(split.classes) - 1:
        if missing:
            warnings.append(f'the masks of {split.list_file} never show {", ".join(missing)}')
    elif _LEFT_OUT in seen:
        errors.append(
            f'the masks of {split.list_file} hold only 0 and 255, and 255 is left out: save them '
            'with 1 for the foreground, or convert them with tools/prepare_data.py folder'
        )
    elif split.name == 'test':
        warnings.append(f'all masks of {split.list_file} are empty')
    else:
        errors.append(
            f'all masks of {split.list_file} are empty: the grey level of a pixel is its class, '
            f'1 being {split.classes[1]}'
        )


def _look_at(row: _Row, num_values: int) -> tuple[str, set[int]]:
    """What is wrong with an image or its mask, and the values of the mask."""
    path = row.image
    try:
        with _open(path) as image:
            size = image.size
        if row.mask is None:
            return '', set()
        path = row.mask
        with _open(path) as image:
            mask = np.asarray(image)
    except (BadImageError, OSError, SyntaxError, ValueError) as error:
        # Pillow raises all of these for damaged files
        return f'{path}: {error}; add or repair it, or take it off its list', set()
    if mask.ndim != 2:
        return f'{path} is coloured: a mask is grey, its levels the classes 0, 1, 2 …', set()
    if mask.shape[::-1] != size:
        return (
            f'{path} is {mask.shape[1]}×{mask.shape[0]} pixels, its image {size[0]}×{size[1]}: '
            'a mask has the size of its image'
        ), set()
    values = _values(mask)
    undeclared = [v for v in values if not 0 <= v < num_values and v != _LEFT_OUT]
    if undeclared:
        return (
            f'{path} has the value {undeclared[0]}, but only 0 to {num_values - 1} are declared '
            f'and {_LEFT_OUT} is left out: name all classes in metainfo, or save the mask again '
            'without smoothing or JPEG'
        ), set()
    return '', set(values)


def _values(mask: np.ndarray) -> list:
    if mask.dtype == np.uint8:  # half the time of unique
        return np.flatnonzero(np.bincount(mask.ravel(), minlength=256)).tolist()
    return np.unique(mask).tolist()


def _open(path: Path) -> Image.Image:
    data = read_file(path)
    check_complete(data)
    return Image.open(BytesIO(data))
