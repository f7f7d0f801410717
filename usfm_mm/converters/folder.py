"""One's own images: with masks, in the folders of their classes, with a table, or in pairs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from usfm_mm.converters.colours import check_names, colour_mask, colours_note, colours_of
from usfm_mm.converters.completing import complete
from usfm_mm.converters.items import (
    ConversionError,
    Converter,
    Item,
    MaskReader,
    image_files,
    safe_name,
)
from usfm_mm.converters.layout import Group, find_groups, plain_stem, split_folders
from usfm_mm.converters.left_out import left_out_note
from usfm_mm.converters.masks import binary_mask, class_mask
from usfm_mm.converters.pairing import pair
from usfm_mm.converters.pairs import (
    folder_pairs,
    has_organ_folders,
    is_pair_folder,
    organ_pairs,
    quality_folders,
)
from usfm_mm.converters.patients import check_pattern
from usfm_mm.converters.table import Table, table_hint
from usfm_mm.io.mask_names import image_stem


def own_data(
    source: Path,
    organ: str,
    classes: Sequence[str] = (),
    patients: str | None = None,
    told: Table | None = None,
    mask_suffix: str | None = None,
) -> Converter:
    """A converter of images and masks, of pairs, or of images with classes.

    Images and masks lie in two folders, or beside each other, and are named alike, but for a
    beginning or ending that all masks have. Classes are folders, or told by the table. Pairs lie in
    ``low_quality/`` and ``high_quality/`` under the same names, which may both lie in folders that
    are named by organ. Where the source has ``train/`` and ``test/``, and perhaps ``val/``, each is
    laid out so.

    Args:
        source: The folder.
        organ: Of all images.
        classes: Names of the mask values 1, 2, …; with none or one, masks are 0/1 or 0/255, or
            have several colours, each of which is a class.
        patients: Regular expression, whose first group (or all of it) in an image's file name is
            the patient; 'none' where names do not tell.
        told: Table of patients, classes and splits.
        mask_suffix: What masks have after their image's name; found by itself where it is None.

    Raises:
        ConversionError: The folder is laid out in none of these ways, an image lies too deep or
            has a format that is not read, or the table or the regular expression cannot be used.
            The walk raises it too: a class folder has no image, the table or the regular
            expression does not fit, or names seem to tell patients and nobody says whether.
    """
    check_pattern(patients)
    parts = split_folders(source)
    if all(is_pair_folder(folder) or has_organ_folders(folder) for folder in parts.values()):
        folders = [folder for part in parts.values() for folder in quality_folders(part)]
        splits, where = set(parts) - {''}, ''
        read, kind = partial(_pairs, parts), _Kind((), (), enhance=True)
    else:
        groups = find_groups(source, mask_suffix)
        folders = [path for group in groups for path in (group.images, group.masks) if path]
        splits, where = {group.split for group in groups if group.split}, _where(source, groups)
        colours = colours_of(map(_masks_of, groups), len(classes))
        check_names(colours, classes, source)
        where = ' '.join(filter(None, (where, colours_note(colours, classes))))
        classes = classes or colours
        read = partial(_items, groups, len(classes), colours)
        kind = _kind(source, groups, classes, told)
    if splits and told and told.tells('split'):
        raise ConversionError(
            f'{source} has train/ and test/ already: leave --splits out, or its column split'
        )
    hints = (told.note,) if told else table_hint(sorted(source.glob('*.csv')))
    return Converter(
        name='folder',
        page='',
        licence='',
        walk=lambda root: complete(read(), root, organ, patients, told, hints=hints),
        seg_classes=kind.seg,
        cls_classes=kind.cls,
        enhance=kind.enhance,
        notes=(
            *filter(None, [where]),
            *left_out_note(source, folders, told.path if told else None),
            *hints,
        ),
    )


class _Kind(NamedTuple):
    seg: tuple[str, ...]
    cls: tuple[str, ...]
    enhance: bool = False


def _kind(
    source: Path, groups: Sequence[Group], classes: Sequence[str], told: Table | None
) -> _Kind:
    labels = tuple(sorted({group.label for group in groups if group.label}))
    if told and told.labels:
        if labels:
            raise ConversionError(
                f'{told.path} and the folders of {source} both tell classes: leave out the column '
                'label, or put all images into one folder'
            )
        labels = told.labels
    if any(group.masks for group in groups):
        return _Kind(('background', *(classes or ('foreground',))), tuple(labels))
    if not labels and groups[0].images.name == 'images':
        raise ConversionError(
            f'{source} has images/ but no masks/: put the masks there, or tell classes in a table '
            '(--table)'
        )
    if len(labels) < 2:
        raise ConversionError(
            f'{source} is not laid out as expected: images/ and masks/ with the same names, '
            'low_quality/ and high_quality/ with the same names, two or more folders, one for each '
            'class, or images and a table of classes (--table); in train/ and test/, if they are '
            'there'
        )
    return _Kind((), tuple(labels))


def _where(source: Path, groups: Sequence[Group]) -> str:
    """A sentence on where the masks were found."""
    group = groups[0]
    if group.masks is None:
        return ''
    images, masks = (path.relative_to(source).as_posix() for path in (group.images, group.masks))
    start, end = group.affix
    where = 'beside them' if images == masks else f'in {masks}/'
    return f'Images in {images}/, masks {where} as {start}NAME{end}.'


def _masks_of(group: Group) -> list[Path]:
    masks = image_files(group.masks) if group.masks else []
    if group.masks == group.images:
        masks = [path for path in masks if image_stem(plain_stem(path), group.affix)]
    return masks


def _items(groups: Sequence[Group], num_classes: int, colours: tuple[str, ...]) -> Iterator[Item]:
    for group in groups:
        images, by_image = image_files(group.images), None
        if group.masks is not None:
            masks = _masks_of(group)
            if group.masks == group.images:
                images = sorted(set(images).difference(masks))
            by_image = dict(pair(images, masks, plain_stem, partial(_image_of, group)))
        if not images:
            raise ConversionError(f'{group.images} has no image: fill or delete this class')
        for image in images:
            yield Item(
                image=image,
                name=safe_name('_'.join(filter(None, (group.split, group.label, image.name)))),
                organ='',
                masks=None
                if by_image is None
                else tuple(_reader(path, num_classes, colours) for path in by_image[image]),
                label=group.label,
                split=group.split,
            )


def _image_of(group: Group, mask: Path) -> str:
    return image_stem(plain_stem(mask), group.affix) or mask.stem


def _reader(path: Path, num_classes: int, colours: tuple[str, ...]) -> MaskReader:
    if colours:
        return partial(colour_mask, path, colours=colours)
    if num_classes > 1:
        return partial(class_mask, path, num_classes=num_classes + 1)
    return partial(binary_mask, path)


def _pairs(parts: Mapping[str, Path]) -> Iterator[Item]:
    for part, folder in parts.items():
        for item in folder_pairs(folder) if is_pair_folder(folder) else organ_pairs(folder):
            yield replace(item, name=safe_name(f'{part}_{item.name}'), split=part or None)
