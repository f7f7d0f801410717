"""How far apart groups lie in a feature space."""

from typing import Any

import numpy as np

from usfm_mm.io.optional import optional_import


def silhouette_by_organ(features: np.ndarray, organs: list[str]) -> dict[str, Any]:
    """Silhouette (Rousseeuw 1987) of features grouped by organ, on Euclidean distances.

    It compares an image's distances to its own organ with those to the nearest other one: 1 is
    separate, 0 overlapping, -1 misplaced.

    Args:
        features: ``[N, D]``.
        organs: N names, of at least two organs and fewer than N.

    Returns:
        ``silhouette``, the mean over images, and ``organs``, the mean over each organ's images.

    Raises:
        ModuleNotFoundError: If scikit-learn is not installed.

    Example:
        >>> result = silhouette_by_organ(np.array([[0], [0], [9], [9]]), ['a', 'a', 'b', 'b'])
        >>> result['silhouette'], result['organs']
        (1.0, {'a': 1.0, 'b': 1.0})
    """
    metrics = optional_import('sklearn.metrics', 'the silhouette', 'usfm-mm[vis]')
    values = metrics.silhouette_samples(np.asarray(features, np.float64), organs)
    names = np.asarray(organs)
    by_organ = {name: float(values[names == name].mean()) for name in sorted(set(organs))}
    return dict(silhouette=float(values.mean()), organs=by_organ)
