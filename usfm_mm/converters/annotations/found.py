"""What a reader of annotations gives, and the questions that all of them have."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from usfm_mm.converters.items import ConversionError, Item, safe_name

BACKGROUND = ('background', '_background_')
"""Names that mean no structure, in small letters."""


@dataclass(frozen=True)
class Found:
    """A data set as its annotations tell it.

    Attributes:
        items: Its images.
        seg_classes: Names of the mask values from 0 on.
        cls_classes: Names of the images' classes, where the data set has some.
        notes: What was understood and what was left out, for the user.
        patients: Are the items' patients told by the data set? Else they say at most that slices
            belong to one volume.
        page: Where the data set is described.
        licence: As it states it.
    """

    items: list[Item]
    seg_classes: tuple[str, ...]
    cls_classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    patients: bool = False
    page: str = ''
    licence: str = ''


def class_names(found: Iterable[str], wanted: Sequence[str], where: Path) -> tuple[str, ...]:
    """Names of the mask values from 0 on.

    Args:
        found: Names in the annotations, in the order in which they are numbered.
        wanted: Names from the command line, whose order is taken; empty for those found.
        where: For the message.

    Raises:
        ConversionError: A name was found that is not wanted, or there is none.

    Example:
        >>> class_names(['cyst', 'node', 'cyst'], ['node', 'cyst'], Path('a.json'))
        ('background', 'node', 'cyst')
    """
    names = [name for name in dict.fromkeys(found) if name.lower() not in BACKGROUND]
    unknown = [name for name in names if wanted and name not in wanted]
    if unknown:
        raise ConversionError(
            f'{where}: class {unknown[0]!r} is not one of those given by --classes: '
            f'{", ".join(wanted)}'
        )
    if not names and not wanted:
        raise ConversionError(f'{where}: there is no class and nothing annotated')
    return ('background', *(wanted or names))


def settled(items: Iterable[Item], remedy: str) -> list[Item]:
    """Items whose splits can be taken as they are, or have none.

    Args:
        items: With splits, or without.
        remedy: What to do where there is a validation set and no test set.

    Raises:
        ConversionError: There are images to train on and to validate with, and none to test with.
    """
    items = list(items)
    splits = {item.split for item in items}
    if len(splits) <= 1:
        return [replace(item, split=None) for item in items]
    if splits == {'train', 'val'}:
        raise ConversionError(
            f'there are images for train and val but none for test: {remedy}, and val is drawn '
            'from train; or tell the splits in a table (--table)'
        )
    return items


def with_names(items: Iterable[Item], paths: Sequence[str]) -> list[Item]:
    """Items named by their images' paths where file names alone are not unique.

    Args:
        items: Whose names are to be set.
        paths: Of each item, what tells it from the others: the path in the source.
    """
    items = list(items)
    short = [safe_name(path.rpartition('/')[2]) for path in paths]
    if max(Counter(short).values(), default=1) > 1:
        short = [safe_name(path) for path in paths]
    return [replace(item, name=name) for item, name in zip(items, short, strict=True)]


def left_out(what: str, names: Sequence[str]) -> tuple[str, ...]:
    """A sentence on what was left out, or none.

    Example:
        >>> left_out('images without annotation', ['a.png', 'b.png'])
        ('Left out: 2 images without annotation (a.png, b.png).',)
    """
    if not names:
        return ()
    shown = ', '.join(names[:3]) + (', …' if len(names) > 3 else '')
    return (f'Left out: {len(names)} {what} ({shown}).',)
