"""What a prepared data set holds, image by image."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from usfm_mm.converters.annotations.nnunet_labels import LEFT_OUT
from usfm_mm.converters.items import ConversionError
from usfm_mm.io.image import read_named
from usfm_mm.io.index_checks import SPLITS


@dataclass(frozen=True)
class Case:
    """One image of a prepared data set.

    Attributes:
        name: Stem of its files.
        split: 'train', 'val' or 'test'.
        patient: Empty where it is not known.
        label: Its class, empty without.
        organ: Its organ.
        image: The file.
        mask_file: Of its mask.
    """

    name: str
    split: str
    patient: str
    label: str
    organ: str
    image: Path
    mask_file: Path

    def mask(self) -> np.ndarray:
        """Class of every pixel, uint8 [H, W]."""
        return read_named(self.mask_file)


@dataclass(frozen=True)
class Prepared:
    """A prepared data set with masks.

    Attributes:
        about: Content of its ``dataset.json``.
        cases: In the order of its index.
        ignores: Has any mask pixels of 255, which are left out?
    """

    about: dict[str, Any]
    cases: list[Case]
    ignores: bool

    @property
    def classes(self) -> list[str]:
        """Names of the mask values from 0 on."""
        return list(self.about['seg_classes'])


def read_prepared(folder: Path) -> Prepared:
    """Read what ``usfm prepare`` wrote.

    Raises:
        ConversionError: It is no prepared data set, has no masks, a file is missing, or a mask has
            an undeclared value.
    """
    try:
        about = json.loads((folder / 'dataset.json').read_text(encoding='utf-8'))
        with (folder / 'index.csv').open(newline='', encoding='utf-8-sig') as file:
            cases = list(_cases(folder, csv.DictReader(file)))
        classes, _ = about['seg_classes'], about['cls_classes']
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConversionError(
            f'{folder} is no data set that "usfm prepare" made ({error}): prepare the data first'
        ) from error
    if not classes:
        raise ConversionError(f'{folder} has no masks, and these formats are of masks')
    ignores = False
    for case in cases:
        if case.split not in SPLITS:
            raise ConversionError(f'{folder / "index.csv"}: {case.name} is in no split')
        found = np.unique(case.mask())
        undeclared = [v for v in found.tolist() if v >= len(classes) and v != LEFT_OUT]
        if undeclared:
            raise ConversionError(
                f'{case.mask_file} has the value {undeclared[0]}, but only 0 to {len(classes) - 1} '
                'are declared in dataset.json'
            )
        ignores |= bool((found == LEFT_OUT).any())
    return Prepared(about, cases, ignores)


def _cases(folder: Path, rows: Iterator[dict[str, str]]) -> Iterator[Case]:
    for row in rows:
        name = Path(row['path']).stem
        yield Case(
            name=name,
            split=row['split'],
            patient=row['patient'] if row['patient'] != name else '',
            label=row['_label'],
            organ=row['organ'],
            image=folder / row['path'],
            mask_file=folder / row['_mask'],
        )
