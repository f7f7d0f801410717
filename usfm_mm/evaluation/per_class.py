"""What a classifier is worth for each class."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from usfm_mm.evaluation.labels_metric import LABEL_MEASURES, label_scores

_MACRO = ('AUC', 'AP')


def class_rows(
    truth: np.ndarray, scores: np.ndarray, labels: Sequence[str]
) -> list[dict[str, Any]]:
    """Each class against all others.

    Args:
        truth: [N] numbers of classes.
        scores: [N, K].
        labels: K names.

    Returns:
        A row for each class: ``class``, ``images``, and in %, '' where it is not defined, ``AUC``
        and ``AP`` by its score, and ``F1``, ``SEN`` and ``SPE`` of the answers.

    Example:
        >>> rows = class_rows(np.array([0, 1]), np.array([[0.9, 0.1], [0.6, 0.4]]), ['a', 'b'])
        >>> [row['SEN'] for row in rows]
        [100.0, 0.0]
    """
    numbers = np.arange(len(labels))
    found = label_scores(
        truth[:, None] == numbers, scores, answers=scores.argmax(1)[:, None] == numbers
    )
    return [
        {
            'class': label,
            'images': int((truth == number).sum()),
            **{
                name: '' if np.isnan(value) else float(value)
                for name, value in zip(LABEL_MEASURES, row, strict=True)
            },
        }
        for number, (label, row) in enumerate(zip(labels, found, strict=True))
    ]


def macro(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Means of AUC and AP over the classes that have them."""
    means = {}
    for name in _MACRO:
        values = [row[name] for row in rows if row[name] != '']
        if values:
            means[name] = float(np.mean(values))
    return means
