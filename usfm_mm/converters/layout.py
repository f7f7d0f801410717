"""How one's own folder is laid out: images with masks, in folders of classes, or alone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np

from usfm_mm.converters.items import ConversionError, image_files, nfc, subfolders
from usfm_mm.io.image import read_grey
from usfm_mm.io.image_file import BadImageError, image_size
from usfm_mm.io.index_checks import SPLITS
from usfm_mm.io.mask_names import (
    SPLIT_NAMES,
    image_stem,
    mask_affix,
    means_mask,
    split_of,
)

# Grey levels of a mask: few, but in a smoothed one.
_MASK_LEVELS = 8


@dataclass(frozen=True)
class Group:
    """Images of one folder.

    Attributes:
        images: Their folder.
        masks: Folder of their masks, which may be the same; None without.
        affix: What masks have before and after their image's name.
        label: Class of all of them, where folders are classes.
        split: Of all of them, where folders are splits.
    """

    images: Path
    masks: Path | None = None
    affix: tuple[str, str] = ('', '')
    label: str | None = None
    split: str | None = None


def split_folders(source: Path) -> dict[str, Path]:
    """Folders of the splits in a source by 'train', 'val', 'test'; ``{'': source}`` without.

    Raises:
        ConversionError: There is train/ but no test/.
    """
    folders = subfolders(source)
    if any(means_mask(path.name) and image_files(path) for path in folders):
        return {'': source}  # train/ beside train_masks/
    return _by_split(source) or {'': source}


def _by_split(folder: Path) -> dict[str, Path]:
    """The folders in it that are named by splits, where these are enough; else none.

    Raises:
        ConversionError: There is train/ but no test/.
    """
    found = {SPLIT_NAMES.get(path.name.lower(), ''): path for path in subfolders(folder)}
    found.pop('', None)
    if {'train', 'test'} <= set(found):
        return {name: found[name] for name in SPLITS if name in found}
    if {'train', 'val'} <= set(found):
        raise ConversionError(
            f'{folder} has train/ and val/ but no test/: add it, or call val/ test/, and val is '
            'drawn from train/'
        )
    return {}


def find_groups(source: Path, ending: str | None = None) -> list[Group]:
    """Groups of images in a source.

    Args:
        source: Holds images, folders of images and masks, or folders of classes; or
            train/, test/ and perhaps val/, each of which holds such; or images/ and masks/, each
            of which holds these.
        ending: What masks have after their image's name; found by itself where it is None.

    Raises:
        ConversionError: It is laid out in none of these ways.
    """
    groups = _parted_below(source, ending)
    if groups:
        return groups
    parts = split_folders(source)
    for split, folder in parts.items():
        for group in _groups(folder, ending):
            groups.append(replace(group, split=split) if split else group)
    _check_alike(source, parts, groups)
    return groups


def _parted_below(source: Path, ending: str | None) -> list[Group]:
    """Groups where images/ and masks/ are parted, each into train/, test/ and perhaps val/."""
    folders = [path for path in subfolders(source) if not image_files(path)]
    masks = [path for path in folders if means_mask(path.name)]
    images = [path for path in folders if path not in masks]
    if len(masks) != 1 or len(images) != 1 or not _by_split(images[0]):
        return []
    groups = []
    for split, folder in _by_split(images[0]).items():
        other = _by_split(masks[0]).get(split)
        affix = other and _affix(_stems(folder), _stems(other), ending)
        if not affix:
            raise ConversionError(
                f'{folder} has no masks of its images in {masks[0]}: put them into '
                f'{masks[0] / folder.name}, named like the images'
            )
        groups.append(Group(folder, other, affix, split=split))
    return groups


def _groups(folder: Path, ending: str | None) -> list[Group]:
    beside = _beside(folder, ending)
    if beside is not None:
        return [beside]
    folders = [path for path in subfolders(folder) if image_files(path)]
    masked = _with_masks(folders, ending)
    if masked:
        return masked
    if (folder / 'images').is_dir():
        return [Group(folder / 'images')]
    labels = subfolders(folder)
    if image_files(folder) and not folders:
        return [Group(folder)]
    _check_names(folders)
    return [replace(_beside(path, ending) or Group(path), label=nfc(path.name)) for path in labels]


def _beside(folder: Path, ending: str | None) -> Group | None:
    """Images with their masks beside them, where there are such."""
    stems = _stems(folder)
    masks = {s for s in stems if (s.endswith(ending) if ending else means_mask(s))}
    if not masks or masks == stems:
        return None
    affix = ('', ending) if ending else mask_affix(stems - masks, masks)
    return Group(folder, folder, affix) if affix and any(affix) else None


def _with_masks(folders: list[Path], ending: str | None) -> list[Group]:
    """Folders of images with folders of masks that have the same names."""
    groups: list[Group] = []
    stems = {folder: _stems(folder) for folder in folders}
    images = [
        folder
        for folder in folders
        if not means_mask(folder.name) and not all(map(means_mask, stems[folder]))
    ]
    for masks in folders:
        named = masks not in images
        if named:
            others = images
        elif any(group.images == masks for group in groups):
            continue
        else:  # called something else, but they are masks to the eye
            others = [o for o in images if o != masks and stems[masks] <= stems[o]]
            if not others or not _look_like_masks(masks):
                continue
        affixes = {o: _affix(stems[o], stems[masks], ending) for o in others}
        found = {o: affix for o, affix in affixes.items() if affix is not None}
        if not found and named:
            raise ConversionError(
                f'{masks} seems to hold masks, but their names fit those of no images: name them '
                'like their images, with one ending for all if you like (--mask-suffix _ENDING)'
            )
        best = max(found, key=lambda o: _fitting(stems[o], stems[masks], found[o]))
        groups.append(Group(best, masks, found[best], split=split_of(best.name)))
    if len(groups) == 1:
        return [replace(groups[0], split=None)]
    splits = {group.split for group in groups}
    if groups and (None in splits or len(splits) < len(groups) or not {'train', 'test'} <= splits):
        raise ConversionError(
            'several folders of images have masks: '
            f'{", ".join(str(group.images) for group in groups)}. Name one folder each for train, '
            'test and perhaps val, or convert them one by one'
        )
    return groups


def _affix(images: set[str], masks: set[str], ending: str | None) -> tuple[str, str] | None:
    affix = ('', ending) if ending else mask_affix(images, masks)
    return affix if affix and _fitting(images, masks, affix) else None


def _fitting(images: set[str], masks: set[str], affix: tuple[str, str]) -> int:
    return sum(image_stem(mask, affix) in images for mask in masks)


def _stems(folder: Path) -> set[str]:
    return {plain_stem(path) for path in image_files(folder)}


def plain_stem(path: Path) -> str:
    """Stem with composed letters, without the channel that nnU-Net's images have at the end.

    Example:
        >>> plain_stem(Path('imagesTr/case_7_0000.png'))
        'case_7'
    """
    return nfc(path.stem).removesuffix('_0000')


def _look_like_masks(folder: Path) -> bool:
    try:
        return all(len(np.unique(read_grey(p))) <= _MASK_LEVELS for p in image_files(folder)[:5])
    except BadImageError:
        return False


def _check_names(folders: list[Path]) -> None:
    """Refuse to take for classes what is named, and as large, as images and masks are."""
    for one, other in combinations(folders, 2):
        if _stems(one) == _stems(other) and _sizes(one) == _sizes(other):
            raise ConversionError(
                f'{one} and {other} hold files of the same names and sizes, as images and masks '
                'do, not classes: call them images/ and masks/ or, where they are two classes, '
                'give their files other names or list the classes in a table (--table)'
            )


def _sizes(folder: Path) -> dict[str, tuple[int, int]]:
    try:
        return {plain_stem(path): image_size(path) for path in image_files(folder)}
    except BadImageError:
        return {}


def _check_alike(source: Path, parts: Mapping[str, Path], groups: Iterable[Group]) -> None:
    """See that all splits hold the same kind, and no class that train has not."""
    masked = [name for name in parts if any(g.masks and g.split == name for g in groups)]
    if len(parts) > 1 and masked and len(masked) < len(parts):
        raise ConversionError(
            f'{source}: only {", ".join(masked)} has images/ and masks/; each of train/, val/ and '
            'test/ needs both'
        )
    train = {group.label for group in groups if group.split in (None, 'train')}
    for group in groups:
        if group.label not in train:
            raise ConversionError(f'{group.images}: train/ has no such class')
