"""From items to patients: one row for all images and clips of a patient."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Rows = Sequence[dict[str, Any]]
Truth = Callable[[np.ndarray], Any]


def of_patients(
    rows: Rows, truth: Truth, scores: Callable[[np.ndarray], Any]
) -> tuple[list[dict], int]:
    """Rows of patients, where one has more items than one.

    Args:
        rows: With ``patient``, ``truth`` and ``scores``; those without a patient stand for
            themselves.
        truth: Of the truths of a patient's items, [N] or [N, K], the patient's; None where they
            contradict each other, which leaves the patient out.
        scores: Likewise of the scores, [N, K].

    Returns:
        ``image`` (the patient), ``truth`` and ``scores`` of each, empty where no patient has
        several items; and how many patients were left out.

    Example:
        >>> rows = [dict(image='a', patient='7', truth=1, scores=[0.2, 0.8]),
        ...         dict(image='b', patient='7', truth=1, scores=[0.6, 0.4])]
        >>> of_patients(rows, same, mean)[0][0]['scores'].round(3).tolist()
        [0.4, 0.6]
    """
    groups: dict[str, list[dict]] = {}
    for row in rows:
        groups.setdefault(row.get('patient') or f'item {row["image"]}', []).append(row)
    if len(groups) == len(rows):
        return [], 0
    found = []
    for patient, own in groups.items():
        one = truth(np.asarray([row['truth'] for row in own]))
        if one is not None:
            own_scores = scores(np.asarray([row['scores'] for row in own]))
            found.append(dict(image=patient, truth=one, scores=own_scores))
    return found, len(groups) - len(found)


def same(truths: np.ndarray) -> Any:
    """The one truth of all items; None where they have several."""
    return truths[0] if (truths == truths[0]).all() else None


def any_of(values: np.ndarray) -> np.ndarray:
    """A finding that one item shows is the patient's: the largest of each column."""
    return values.max(axis=0)


def mean(values: np.ndarray) -> np.ndarray:
    """The mean of each column."""
    return values.mean(axis=0)
