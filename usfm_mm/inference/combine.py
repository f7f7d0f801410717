"""From the outputs of one or several networks to one answer."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from usfm_mm.inference.answers import Classification, Measurement, Uncertainty
from usfm_mm.inference.frames import Frame

_THERE = 0.5  # a finding is, from this probability on


def combine(
    several: Sequence[np.ndarray], each_for_itself: bool = False
) -> tuple[np.ndarray, Uncertainty | None]:
    """Mean of the probabilities [K, ...] of several models, and how they differ.

    Args:
        several: Of each model.
        each_for_itself: They are of findings, not of classes of which one is true: the entropy is
            the sum of that of each.
    """
    if len(several) == 1:
        return several[0], None
    mean = np.mean(several, axis=0)
    entropy = _entropy(mean)
    if each_for_itself:
        entropy = entropy + _entropy(1 - mean)
    return mean, Uncertainty(entropy, np.var(several, axis=0).mean(axis=0))


def _entropy(probabilities: np.ndarray) -> np.ndarray:
    tiny = np.finfo(np.float32).tiny
    return -(probabilities * np.log(np.maximum(probabilities, tiny))).sum(axis=0)


def answer_of(
    card: Any,
    frame: Frame,
    outputs: Sequence[np.ndarray],
    threshold: float | None,
    frames: int | None = None,
) -> Classification | Measurement:
    """A classifier's answer.

    Args:
        card: Of the models.
        frame: What was looked at.
        outputs: [K] of each model.
        threshold: See :func:`~usfm_mm.inference.predict.classify`.
        frames: Of a clip, how many were looked at.
    """
    if card.kind == 'values':
        mean, spread = np.mean(outputs, axis=0), np.std(outputs, axis=0)
        named = [dict(zip(card.classes, part.tolist(), strict=True)) for part in (mean, spread)]
        return Measurement(frame, named[0], named[1] if len(outputs) > 1 else None, frames)
    probabilities, uncertainty = combine(outputs, card.kind == 'labels')
    scores = dict(zip(card.classes, probabilities.tolist(), strict=True))
    if card.kind == 'labels':
        least = _THERE if threshold is None else threshold
        findings = tuple(name for name, score in scores.items() if score >= least)
        return Classification(frame, scores, None, uncertainty, findings=findings, frames=frames)
    label = max(scores, key=lambda name: scores[name])
    sure = threshold is None or scores[label] >= threshold
    return Classification(frame, scores, label if sure else None, uncertainty, frames=frames)
