"""Classification measures from a confusion matrix, and their bootstrap."""

import numpy as np

MEASURES = ('ACC', 'Recall', 'PREC', 'F1', 'MCC')
"""Columns of the paper's Table 3, all in %."""


def confusion_matrix(truth: np.ndarray, prediction: np.ndarray, num_classes: int) -> np.ndarray:
    """Count images by true and predicted class.

    Args:
        truth: ``[N]`` labels, 0 to ``num_classes - 1``.
        prediction: ``[N]`` labels of the same range.
        num_classes: K.

    Returns:
        int64 ``[K, K]``, rows truth, columns prediction.

    Raises:
        ValueError: If a label is not one of these classes, or the numbers of labels differ.
    """
    labels = np.stack([np.asarray(truth), np.asarray(prediction)])
    if labels.size and not 0 <= labels.min() <= labels.max() < num_classes:
        raise ValueError(
            f'labels are {labels.min()} to {labels.max()}, but the {num_classes} classes are 0 to '
            f'{num_classes - 1}'
        )
    counts = np.bincount(labels[0] * num_classes + labels[1], minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def class_scores(confusion: np.ndarray) -> np.ndarray:
    """Compute the measures of confusion matrices.

    The values are scikit-learn's: ``accuracy_score``; ``recall_score``, ``precision_score`` and
    ``f1_score`` with ``average='macro'`` and ``zero_division=0``; and ``matthews_corrcoef``
    (Gorodkin's for several classes). Macro averages are over the classes that occur in the truth or
    in the prediction. So a class that is predicted but never true lowers all three, and where only
    one class occurs and all is right, the first four are 100 and MCC, which is 0/0 there, is 0.

    Args:
        confusion: ``[..., K, K]`` counts, rows truth, columns prediction, none all 0.

    Returns:
        ``[..., 5]`` in %, in the order of ``MEASURES``; MCC from -100 to 100.
    """
    counts = np.asarray(confusion, dtype=np.float64)
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    true, predicted = counts.sum(-1), counts.sum(-2)
    total = counts.sum((-2, -1))

    occurs = true + predicted > 0
    macro = [
        _ratio(_ratio(part, whole).sum(-1), occurs.sum(-1))
        for part, whole in ((right, true), (right, predicted), (2 * right, true + predicted))
    ]
    # Covariances of the one-hot vectors of truth and prediction, times total^2.
    covariance = right.sum(-1) * total - (true * predicted).sum(-1)
    variances = [total**2 - (marginal**2).sum(-1) for marginal in (true, predicted)]
    mcc = _ratio(covariance, np.sqrt(variances[0] * variances[1]))
    return 100 * np.stack([right.sum(-1) / total, *macro, mcc], axis=-1)


def bootstrap_std(confusion: np.ndarray, num_bootstraps: int, seed: int) -> np.ndarray:
    """Standard error of the measures, by resampling the images with replacement.

    Drawing N of N images with replacement draws the cells of the confusion matrix from the
    multinomial distribution of their shares; that is what is drawn, without touching the images.

    Args:
        confusion: ``[K, K]`` counts.
        num_bootstraps: Resamples, at least 2.
        seed: The same seed gives the same numbers.

    Returns:
        ``[5]`` standard deviations over the resamples (ddof 1, as SciPy's ``bootstrap``), in %.
    """
    total = int(confusion.sum())
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(total, confusion.ravel() / total, size=num_bootstraps)
    return class_scores(draws.reshape(-1, *confusion.shape)).std(axis=0, ddof=1)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Quotient, 0 where the whole is 0."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole != 0)
