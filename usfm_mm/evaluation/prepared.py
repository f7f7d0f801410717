"""The score of a model of any runtime on the test set of a prepared data set."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from usfm_mm.evaluation.classification import MEASURES, class_scores, confusion_matrix
from usfm_mm.evaluation.segmentation import class_measures
from usfm_mm.inference.answers import Classification
from usfm_mm.inference.predict import classify, segment
from usfm_mm.io.image import read_grey

_KINDS = {'segment': 'seg', 'classify': 'cls'}


@dataclass(frozen=True)
class Score:
    """One number about a model, as ``usfm test`` gives it.

    Attributes:
        name: ``'DSC'``, mean over images of the mean over foreground classes, or ``'F1'``, macro.
        value: In %.
        images: Their number.
    """

    name: str
    value: float
    images: int


def score_prepared(model: Any, root: str | os.PathLike) -> Score:
    """Score a model on ``splits/seg_test.txt`` or ``splits/cls_test.txt`` of a data set.

    Args:
        model: From :func:`usfm_mm.apis.load_model`.
        root: What ``usfm prepare`` wrote.

    Raises:
        ValueError: The model is for another task, there is no such list, it is empty, or the
            classes are others than the model's.
    """
    lines = _test_list(model, Path(root))
    images = [Path(root, 'images', name) for name, _ in lines]
    classes = list(model.card.classes)
    if model.card.task == 'segment':
        values = [
            class_measures(read_grey(Path(root, 'masks', image.name)), answer.mask, len(classes))[
                'DSC'
            ].mean()
            for image, answer in zip(images, segment(model, images), strict=True)
        ]
        return Score('DSC', float(np.mean(values)), len(images))
    found = [
        classes.index(str(answer.label))
        for answer in classify(model, images)
        if isinstance(answer, Classification)  # as they all are: see _test_list
    ]
    confusion = confusion_matrix(
        np.array([label for _, label in lines]), np.array(found), len(classes)
    )
    return Score('F1', float(class_scores(confusion)[MEASURES.index('F1')]), len(images))


def _test_list(model: Any, root: Path) -> list[tuple[str, int]]:
    """File and label of each image, the label 0 where images have masks."""
    task = model.card.task
    if task not in _KINDS:
        raise ValueError(f'a model for {task!r} has neither DSC nor F1')
    if model.card.kind != 'class':
        raise ValueError('only models of one class per image have an F1')
    file = root / 'splits' / f'{_KINDS[task]}_test.txt'
    if not file.is_file():
        raise ValueError(f'{file}: no such list; "usfm prepare" makes it')
    lines = file.read_text(encoding='utf-8').splitlines()
    if not lines:
        raise ValueError(f'{file} is empty')
    about = root / 'dataset.json'
    if about.is_file():
        told = json.loads(about.read_text(encoding='utf-8')).get(f'{_KINDS[task]}_classes')
        if told and list(told) != list(model.card.classes):
            raise ValueError(
                f'{about} has the classes {", ".join(told)}, the model '
                f'{", ".join(model.card.classes)}'
            )
    if task == 'segment':
        return [(f'{line.strip()}.png', 0) for line in lines]
    pairs = [line.strip().rpartition(' ') for line in lines]
    return [(name, int(label)) for name, _, label in pairs]
