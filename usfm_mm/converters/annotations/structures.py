"""Masks with a file for each structure: ``masks/liver/a.png``, or ``masks/a_liver.png``."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from usfm_mm.converters.annotations.found import Found, class_names
from usfm_mm.converters.items import (
    ConversionError,
    Item,
    image_files,
    nfc,
    safe_name,
    subfolders,
)
from usfm_mm.converters.masks import binary_mask
from usfm_mm.io.mask_names import means_mask

_MOST = 20  # structures; more of different names are something else


def is_it(source: Path) -> bool:
    """Is there a folder of images, and one of masks that are laid out in either way?"""
    return _layout(source) is not None


def _layout(source: Path) -> tuple[list[Path], dict[str, list[tuple[str, Path]]]] | None:
    """Images, and by the name of an image its masks with their structures."""
    folders = subfolders(source)
    roots = [folder for folder in folders if means_mask(folder.name)]
    others = [f for f in folders if f not in roots and image_files(f)]
    if len(roots) != 1 or len(others) + bool(image_files(source)) != 1:
        return None
    images = image_files(others[0] if others else source)
    stems = {nfc(path.stem) for path in images}
    if image_files(roots[0]):
        found = _endings(image_files(roots[0]), stems)
    else:
        found = [
            (nfc(path.stem), nfc(folder.name), path)
            for folder in subfolders(roots[0])
            for path in image_files(folder)
        ]
    structures = {name for _, name, _ in found}
    if not 2 <= len(structures) <= _MOST:
        return None
    masks: dict[str, list[tuple[str, Path]]] = {}
    for stem, name, path in found:
        masks.setdefault(stem, []).append((name, path))
    return images, masks


def _endings(masks: Sequence[Path], stems: set[str]) -> list[tuple[str, str, Path]]:
    """Image, structure and file of masks called NAME_STRUCTURE; none where one is not."""
    found, orphans = [], []
    for path in masks:
        parts = nfc(path.stem).split('_')
        cuts = [i for i in range(1, len(parts)) if '_'.join(parts[:i]) in stems]
        if not cuts:
            orphans.append(path)
            continue
        name = '_'.join(parts[cuts[-1] :])
        if not any(c.isalpha() for c in name) or means_mask(name):
            return []
        found.append(('_'.join(parts[: cuts[-1]]), name, path))
    names = {name for _, name, _ in found}
    for path in orphans:  # to be named as masks of no image
        fitting = [name for name in names if nfc(path.stem).endswith(f'_{name}')]
        if not fitting:
            return []
        found.append((nfc(path.stem).removesuffix(f'_{fitting[0]}'), fitting[0], path))
    return found


def read(source: Path, classes: Sequence[str]) -> Found:
    """Images with all their masks; a structure without a file is not there.

    Where structures overlap, the later class is on top.

    Args:
        source: Folder of the data set.
        classes: Names of the mask values 1, 2, …; empty for the structures in alphabetical order.

    Raises:
        ConversionError: An image has no mask at all, a mask no image, or a structure is not among
            the classes.
    """
    layout = _layout(source)
    assert layout is not None
    images, masks = layout
    seg = class_names(sorted({name for own in masks.values() for name, _ in own}), classes, source)
    items = []
    for image in images:
        own = masks.pop(nfc(image.stem), None)
        if own is None:
            raise ConversionError(
                f'{image} has no mask of any structure: add an empty one, or remove the image'
            )
        own.sort(key=lambda mask: seg.index(mask[0]))
        items.append(
            Item(
                image,
                safe_name(image.name),
                '',
                masks=tuple(
                    partial(binary_mask, path, value=seg.index(name)) for name, path in own
                ),
            )
        )
    for own in masks.values():
        raise ConversionError(f'{own[0][1]} is the mask of no image: add the image or remove it')
    return Found(items, seg, notes=('Where structures overlap, the later class is on top.',))
