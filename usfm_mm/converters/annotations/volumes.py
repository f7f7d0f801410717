"""Volumes (NIfTI, MetaImage) with masks that are volumes, too; or pictures with such masks."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from usfm_mm.converters.annotations.files import split_of
from usfm_mm.converters.annotations.found import Found, settled
from usfm_mm.converters.annotations.slices import (
    VOLUMES,
    check_read,
    mapped,
    slice_items,
    stored_slices,
    volume_stem,
)
from usfm_mm.converters.items import ConversionError, Item, SizeError, nfc, safe_name
from usfm_mm.converters.left_out import files_below
from usfm_mm.io.image import read_grey
from usfm_mm.io.image_file import IMAGE_EXTENSIONS
from usfm_mm.io.mask_names import image_stem, mask_affix, means_mask

_IMAGES = ('image', 'images', 'imgs')


def is_it(source: Path) -> bool:
    """Is there a volume that is a mask, by its name, its folder's, or a picture of its name?"""
    images, masks = _sorted(source)
    return bool(images and masks)


def _sorted(source: Path) -> tuple[list[Path], list[Path]]:
    """Images, which may be pictures, and masks."""
    files = list(files_below(source))
    volumes = [path for path in files if path.name.lower().endswith(VOLUMES)]
    if not volumes:
        return [], []
    pictures = [path for path in files if path.suffix.lower() in IMAGE_EXTENSIONS]
    masks = [path for path in volumes if _is_mask(path.relative_to(source))]
    if masks:
        images = [path for path in volumes if path not in set(masks)] or pictures
        drawn = any(_is_mask(path.relative_to(source)) for path in pictures)
        return ([], []) if images is pictures and drawn else (images, masks)
    stems = {path.stem for path in pictures}
    if all(volume_stem(path) in stems for path in volumes):
        return pictures, volumes
    return [], []


def _is_mask(path: Path) -> bool:
    return means_mask(volume_stem(path)) or any(map(means_mask, path.parts[:-1]))


def read(source: Path, classes: Sequence[str]) -> Found:
    """Images with the masks of the same name, but for one beginning or ending of all masks.

    Every slice is an image, and a volume's slices are of one patient. Splits are told by folders.

    Args:
        source: Folder of the data set.
        classes: Names of the mask values 1, 2, …; with none or one, any value but 0 is it.

    Raises:
        ConversionError: An image or mask stands alone, a mask is of another size, lies otherwise
            in space or has undeclared values, or two images have one name.
    """
    images, masks = _sorted(source)
    stems = {volume_stem(path) for path in images}
    affix = mask_affix(stems, {volume_stem(path) for path in masks}) or ('', '')
    by_key: dict[str, list[Path]] = {}
    for mask in masks:
        stem = image_stem(volume_stem(mask), affix) or volume_stem(mask)
        by_key.setdefault(_key(mask, stem, source), []).append(mask)
    several = len(classes) > 1
    values = {value: value for value in range(len(classes) + 1)} if several else None
    items: list[Item] = []
    short = len(stems) == len(images)
    for image in images:
        own = by_key.pop(_key(image, volume_stem(image), source), None)
        if own is None:
            raise ConversionError(f'{image} has no mask: add it, or remove the image')
        if len(own) > 1:
            raise ConversionError(f'{own[0]} and {own[1]} are masks of one image: remove one')
        check_read(own[0])
        name = volume_stem(image) if short else _key(image, volume_stem(image), source)
        split = split_of(image.relative_to(source))
        about = Item(image, safe_name(f'{name}.x'), '', split=split)
        if values is None:
            _check_one(own[0])
        items += _items(image, own[0], values, about)
    for left in by_key.values():
        raise ConversionError(f'{left[0]} is the mask of no image: add the image or remove it')
    start, end = affix
    return Found(
        settled(items, 'call the folder of val test'),
        ('background', *(classes or ('foreground',))),
        notes=(f'Masks are called {start}NAME{end}; slices of a volume count as one patient.',),
    )


def _key(path: Path, stem: str, source: Path) -> str:
    """Where an image and its mask are the same: folders of images or masks aside."""
    folders = path.relative_to(source).parts[:-1]
    kept = [f for f in folders if not means_mask(f) and f.lower() not in _IMAGES]
    return nfc('/'.join([*kept, stem]))


def _check_one(mask: Path) -> None:
    found = np.unique(stored_slices(mask))
    if len(found[found != 0]) > 1:
        raise ConversionError(
            f'{mask} has the values {", ".join(f"{v:g}" for v in found[:6].tolist())}: name the '
            'structures of 1, 2, … by --classes'
        )


def _items(image: Path, mask: Path, values: Mapping[int, int] | None, about: Item) -> list[Item]:
    if image.name.lower().endswith(VOLUMES):
        check_read(image)
        return slice_items(image, mask, values, about)
    draw = partial(_mask_of_picture, mask, values)
    return [replace(about, masks=(draw,), read=partial(read_grey, image))]


def _mask_of_picture(
    path: Path, values: Mapping[int, int] | None, shape: tuple[int, int]
) -> np.ndarray:
    slices = stored_slices(path)
    if slices.shape != (1, *shape):
        turned = slices.shape == (1, *shape[::-1])
        swapped = ' Its axes seem to be swapped: x comes first.' * turned
        sizes = '×'.join(map(str, slices.shape[::-1]))
        raise SizeError(
            f'{path} has {sizes} voxels, its image {shape[1]}×{shape[0]} pixels.{swapped}'
        )
    return mapped(slices[0], values, str(path))
