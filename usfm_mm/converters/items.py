"""What a converter reads, image by image, and what is known of the data set."""

import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from usfm_mm.io.image_file import IMAGE_EXTENSIONS

MaskReader = Callable[[tuple[int, int]], np.ndarray]
"""Given an image's (height, width): uint8 [H, W] of class indices, 0 is background."""


LOW, HIGH = 'low_quality', 'high_quality'
"""Folders of pairs."""


class ConversionError(ValueError):
    """A data set that cannot be used; the message names the file and the remedy."""


class SizeError(ConversionError):
    """A mask that is not of its image's size."""


@dataclass(frozen=True)
class Item:
    """One image of a data set.

    Attributes:
        image: The file.
        name: Stem of the files to be written, see :func:`safe_name`.
        organ: As in an index for pre-training.
        masks: Readers of its masks, painted one over the other in this order; None where the
            data set has no segmentation.
        label: Class, one of the data set's ``cls_classes``, or None.
        patient: Images of one patient stay in one split; None where it is not known.
        split: As released, one of :data:`~usfm_mm.io.index_checks.SPLITS`, or None.
        read: Given the bits that the set's images use, if known, the image as uint8 [H, W], in
            place of the reading of ``image``; masks are of the picture that it gives.
        high: The same image in high quality, in a data set of pairs.
        degrade: Makes the low quality of ``image``, uint8 [H, W], where that is of high quality.
        told: What a table tells of it: 0 or 1 for each of the data set's ``label_names``, then a
            number for each of its ``value_names``.
        clip: Whether ``image`` is read frame by frame.
        spacing: Height and width in mm of a pixel of the picture as it is written; None where it is
            not known.
    """

    image: Path
    name: str
    organ: str
    masks: tuple[MaskReader, ...] | None = None
    label: str | None = None
    patient: str | None = None
    split: str | None = None
    read: Callable[[int | None], np.ndarray] | None = None
    high: Path | None = None
    degrade: Callable[[np.ndarray], np.ndarray] | None = None
    told: tuple[float, ...] = ()
    clip: bool = False
    spacing: tuple[float, float] | None = None


@dataclass(frozen=True)
class Converter:
    """How a data set is read, and what is known of it.

    Attributes:
        name: On the command line, and of the folder under ``data/``.
        page: Where it is described and downloaded.
        licence: As its page states it.
        walk: Yields the items of the folder that it was unpacked to.
        seg_classes: Names of the mask values from 0 on; empty without segmentation.
        cls_classes: Names of the labels in the order of their numbers; empty without.
        notes: What a user has to know, printed with the counts.
        enhance: Whether it is one of pairs of low and high quality.
        label_names: Findings that an item has or has not, each for itself.
        value_names: Numbers of an item.
    """

    name: str
    page: str
    licence: str
    walk: Callable[[Path], Iterable[Item]]
    seg_classes: tuple[str, ...] = ()
    cls_classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    enhance: bool = False
    label_names: tuple[str, ...] = ()
    value_names: tuple[str, ...] = ()

    @property
    def has_table(self) -> bool:
        """Whether it is one of images and clips with what a table tells of them."""
        return bool(self.label_names or self.value_names or self.name == 'table')

    @property
    def task(self) -> str:
        """What can be trained on it, in words.

        Example:
            >>> Converter('x', '', '', list, cls_classes=('benign', 'malignant')).task
            'classification, 2 classes (benign, malignant)'
        """
        tasks = ['pairs of low and high quality'] if self.enhance else []
        for what, names in (('structure', self.seg_classes[1:]), ('class', self.cls_classes)):
            if names:
                task = 'segmentation' if what == 'structure' else 'classification'
                plural = '' if len(names) == 1 else 'es' if what == 'class' else 's'
                tasks.append(f'{task}, {len(names)} {what}{plural} ({", ".join(names)})')
        if self.label_names:
            tasks.append(f'{len(self.label_names)} findings ({", ".join(self.label_names)})')
        if self.value_names:
            tasks.append(f'{len(self.value_names)} numbers ({", ".join(self.value_names)})')
        return ' and '.join(tasks)


def nfc(text: str) -> str:
    """The text with composed letters: macOS writes ``ö`` into names as ``o`` and two dots."""
    return unicodedata.normalize('NFC', text)


def safe_name(path: str) -> str:
    """Stem for a file: the path without suffix, and with only letters, digits, ``_`` and ``-``.

    Letters and digits are those of all scripts, with the marks that belong to them, composed
    (NFC). The stem is empty where the path has none of these.
    """
    stem = nfc(str(Path(path).with_suffix('')))
    return '_'.join(''.join(c if _is_safe(c) else ' ' for c in stem).split()).strip('_')


def image_files(folder: Path, extensions: tuple[str, ...] = IMAGE_EXTENSIONS) -> list[Path]:
    """Images directly in a folder, sorted; what macOS adds (``._name``) is left out."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in extensions and not path.name.startswith('.') and path.is_file()
    )


def subfolders(folder: Path) -> list[Path]:
    """Folders directly in a folder, sorted, without those that :func:`is_litter` tells."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.is_dir()]
    return [folder / name for name in sorted(names) if not is_litter(name)]


def is_litter(name: str) -> bool:
    """Is it the name of a file or folder that macOS or Windows adds unasked, or a hidden one?"""
    return name.startswith('.') or name.lower() in ('__macosx', 'thumbs.db', 'desktop.ini')


def folder_with(root: Path, *names: str) -> Path:
    """The folder that holds all these folders, as :func:`find_folder` seeks it."""
    return find_folder(root, has_folders(*names), f'the folders {", ".join(names)}')


def find_folder(root: Path, is_it: Callable[[Path], bool], expected: str) -> Path:
    """The folder of a data set, at ``root`` or up to three folders below it.

    Args:
        root: What the user gave, or what the archive held.
        is_it: True for the folder that is sought.
        expected: What it looks like, for the message.

    Raises:
        ConversionError: There is none, or more than one on the same level.
    """
    level = [root]
    for _ in range(4):
        found = [folder for folder in level if is_it(folder)]
        if len(found) > 1:
            raise ConversionError(
                f'{root} holds the data set more than once: {found[0]} and {found[1]}. '
                'Give one of them'
            )
        if found:
            return found[0]
        level = [child for folder in level for child in subfolders(folder)]
    raise ConversionError(f'{root} is not laid out as released: expected {expected}')


def has_folders(*names: str) -> Callable[[Path], bool]:
    """A test for folders that have all these folders in them."""
    return lambda folder: all((folder / name).is_dir() for name in names)


def patient_of(image: Path, pattern: str, example: str) -> str:
    """First group of a pattern that an image's whole stem has to match.

    Raises:
        ConversionError: It does not; ``example`` is a name that does.
    """
    found = re.fullmatch(pattern, image.stem)
    if found is None:
        raise ConversionError(f'{image} is not named like {example}: remove it')
    return found[1]


def named(value: str, names: Mapping[str, str], file: Path, what: str) -> str:
    """The entry of ``names`` for a value found in a file.

    Raises:
        ConversionError: There is none.
    """
    if value not in names:
        raise ConversionError(f'{file}: {what} {value!r} is unknown; known are {", ".join(names)}')
    return names[value]


def _is_safe(character: str) -> bool:
    # Vowel signs, of Hindi or Thai for instance, are marks: without them names would collide.
    is_mark = unicodedata.category(character).startswith('M')
    return character.isalnum() or is_mark or character in '_-'
