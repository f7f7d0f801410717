"""What feature vectors are made of, and how they are compared: one place for all that do."""

from typing import Any

import numpy as np

KINDS = ('mean+std', 'mean')
FEATURES = KINDS[0]
"""What a feature vector is made of, unless asked otherwise: mean and standard deviation of the
patch tokens over the image. ``'mean'`` is what files without a note were made of."""
_FEWEST = 3  # vectors from which on it helps, measured


def check_kind(kind: str) -> None:
    """Refuse what is no kind of features.

    Raises:
        ValueError: It is none of ``KINDS``.
    """
    if kind not in KINDS:
        raise ValueError(f'features={kind!r}: must be one of {KINDS}')


def kind_of(told: dict[str, Any]) -> str:
    """The kind of the vectors in a file, by its note; older files have none.

    Example:
        >>> kind_of({'model': '1f46'})
        'mean'
    """
    return told.get('features', 'mean')


def comparable(features: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Vectors whose dot products are the cosines by which features are compared.

    Each dimension is standardised by the vectors that are compared with (an index, the training
    images): without it the few dimensions that follow brightness decide, and all cosines are near
    1. Measured in ``docs/features.md``. Of one or two vectors, or of equal ones, the spread says
    nothing, and they stay as they are.

    Args:
        features: ``[N, D]``.
        among: ``[M, D]``, what the mean and the standard deviation are taken of.

    Returns:
        float64 ``[N, D]``, rows of length 1.

    Example:
        >>> among = np.array([[100.0, 0.0], [100.0, 2.0]] * 5)  # the first says nothing
        >>> comparable(np.array([[100.0, 3.0]]), among)
        array([[0., 1.]])
    """
    features = features.astype(np.float64)
    if len(among) >= _FEWEST:
        spread = among.std(axis=0, dtype=np.float64)
        told = spread > 1e-6 * spread.max()
        if told.any():
            features = features - among.mean(axis=0, dtype=np.float64)
            features = np.where(told, features / np.where(told, spread, 1.0), 0.0)
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.maximum(lengths, np.finfo(np.float32).tiny)
