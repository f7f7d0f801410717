"""Whether a classifier is right as often as it is sure."""

import numpy as np


def reliability(confidence: np.ndarray, right: np.ndarray, bins: int = 15) -> np.ndarray:
    """Accuracy by confidence (Guo et al. 2017), in bins of equal width that hold their upper edge.

    Args:
        confidence: ``[N]`` score of the answer, 0 to 1.
        right: ``[N]`` bool, whether it is the truth.
        bins: Their number.

    Returns:
        ``[B, 3]``: mean confidence, share that is right, and share of the images, of each bin that
        has any.

    Raises:
        ValueError: A confidence is not from 0 to 1, or there is none.

    Example:
        >>> reliability(np.array([0.6, 0.6, 0.9]), np.array([True, False, True]), bins=2).round(3)
        array([[0.7  , 0.667, 1.   ]])
    """
    scores = np.asarray(confidence, dtype=np.float64)
    if not scores.size or not ((scores >= 0) & (scores <= 1 + 1e-6)).all():
        raise ValueError('confidences must be numbers from 0 to 1, of one image at least')
    numbers = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], scores)
    counts = np.bincount(numbers, minlength=bins)
    there = counts > 0
    sums = [np.bincount(numbers, weights, bins)[there] for weights in (scores, right)]
    return np.stack([*(each / counts[there] for each in sums), counts[there] / len(scores)], axis=1)


def expected_calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """Mean distance of confidence and accuracy over the bins, by their images, in %.

    Args:
        confidence: As of :func:`reliability`.
        right: Likewise.
        bins: Likewise; the number moves with it.

    Example:
        >>> round(expected_calibration_error(np.array([0.9, 0.9]), np.array([True, False])), 6)
        40.0
    """
    sure, accurate, share = reliability(confidence, right, bins).T
    return float(100 * (np.abs(sure - accurate) * share).sum())
