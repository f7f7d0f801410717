"""A look at images, masks and lists before a model is trained or tested on them.

The hosts find most of what can be wrong with data made by hand after hours, as an index error in a
loss, or never: an image that is cut off is grey below the cut.
"""

import logging
import os
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from mmengine.config import Config
from mmengine.dist import broadcast_object_list, get_world_size, is_main_process
from mmengine.logging import print_log
from PIL import Image
from rich.progress import track

from usfm_mm.datasets.lists import Row, Split, compare_lists, read_split
from usfm_mm.io.image_file import BadImageError, check_complete, read_file

_LEFT_OUT = 255  # of mmseg's losses and of our metric
_SHOWN = 10


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
        try:
            find_problems(cfg, splits, errors, warnings)
        except Exception as error:  # the other processes wait for an answer
            errors.append(f'the check failed: {error!r}')
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
        split = read_split(cfg, name, errors if name in splits else [])
        if split is not None:
            found.append(split)
    compare_lists(found, splits, errors, warnings)
    _check_batch(cfg, [split for split in found if split.name in splits], errors)
    for split in found:
        if split.name in splits:
            _check_split(split, errors, warnings)


def _check_batch(cfg: Config, found: Sequence[Split], errors: list[str]) -> None:
    """An epoch without a single whole batch is an assertion deep in the host."""
    for split in found:
        loader = cfg[f'{split.name}_dataloader']
        images = len(split.rows) // get_world_size()
        if split.rows and loader.get('drop_last') and images < loader.batch_size:
            errors.append(
                f'{split.list_file} has {len(split.rows)} images, {images} for each process, fewer '
                f'than a batch of {loader.batch_size}: --batch-size {max(images, 1)} or less'
            )


def _check_split(split: Split, errors: list[str], warnings: list[str]) -> None:
    workers = min(8, os.cpu_count() or 1)
    looked = Parallel(n_jobs=workers, prefer='threads', return_as='generator')(
        delayed(_look_at)(row, split.values) for row in split.rows
    )
    seen: set[int] = set()
    only_left_out: list[Path] = []
    before = len(errors)
    progress = track(looked, f'checking {split.name}', total=len(split.rows), transient=True)
    for row, (problem, values) in zip(split.rows, progress, strict=True):
        if problem:
            errors.append(problem)
        if row.mask and values - {0} == {_LEFT_OUT}:
            only_left_out.append(row.mask)
        seen |= values
    if not split.rows or len(errors) > before:
        return
    if split.rows[0].mask is None:
        _check_labels(split, errors, warnings)
    elif split.values == len(split.classes):
        _check_foreground(split, seen, only_left_out, errors, warnings)


def _check_labels(split: Split, errors: list[str], warnings: list[str]) -> None:
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
    split: Split,
    seen: set[int],
    only_left_out: list[Path],
    errors: list[str],
    warnings: list[str],
) -> None:
    missing = [name for value, name in enumerate(split.classes) if value and value not in seen]
    if len(missing) < len(split.classes) - 1:
        if missing:
            warnings.append(f'the masks of {split.list_file} never show {", ".join(missing)}')
        if only_left_out:
            warnings.append(
                f'{len(only_left_out)} masks of {split.list_file} hold only 0 and 255, which is '
                f'left out, for instance {only_left_out[0]}: is 255 their foreground?'
            )
    elif only_left_out:
        errors.append(
            f'the masks of {split.list_file} hold only 0 and 255, and 255 is left out: save them '
            'with 1 for the foreground, or convert them with "usfm prepare folder"'
        )
    elif split.name == 'test':
        warnings.append(f'all masks of {split.list_file} are empty')
    else:
        errors.append(
            f'all masks of {split.list_file} are empty: the grey level of a pixel is its class, '
            f'1 being {split.classes[1]}'
        )


def _look_at(row: Row, num_values: int) -> tuple[str, set[int]]:
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
