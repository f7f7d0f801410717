"""A few images of a data set to look at: chosen by organ, as they are stored."""

from typing import Any

import numpy as np

from usfm_mm.datasets.seeding import SeededIndex


def choose_per_organ(dataset: Any, per_organ: int, seed: int = 0) -> dict[str, list[int]]:
    """Choose images of each organ at random.

    Args:
        dataset: With ``metainfo['organs']``, the names, and ``organ_ids``, an array ``[N]`` of
            positions in these names, as ``UltrasoundDataset`` has them.
        per_organ: How many of each organ at most.
        seed: The same seed gives the same images.

    Returns:
        Increasing positions in the data set for each organ that has images, in the order of
        the names.

    Raises:
        TypeError: If the data set doesn't tell the organs.
    """
    organs = getattr(dataset, 'metainfo', {}).get('organs')
    organ_ids = getattr(dataset, 'organ_ids', None)
    if organs is None or organ_ids is None:
        raise TypeError(
            f"{type(dataset).__name__} does not tell its images' organs: it needs "
            "metainfo['organs'] and organ_ids, as usfm_mm.UltrasoundDataset has them"
        )
    chosen = {}
    for code, organ in enumerate(organs):
        positions = np.flatnonzero(np.asarray(organ_ids) == code)
        if len(positions) > per_organ:
            # A generator per organ: another organ in the data must not change the choice here.
            generator = np.random.default_rng([seed, code])
            positions = np.sort(generator.choice(positions, per_organ, replace=False))
        if len(positions):
            chosen[str(organ)] = positions.tolist()
    return chosen


def stored_image(dataset: Any, index: int) -> np.ndarray:
    """Image as it is stored, without the data set's pipeline.

    Args:
        dataset: With a ``pipeline`` that starts from ``results['img']``.
        index: Position in the data set.

    Returns:
        ``[H, W, C]`` uint8.
    """
    # Not copy.copy: to that, a data set may answer as to pickling, by reading its index again.
    bare = object.__new__(type(dataset))
    bare.__dict__.update(dataset.__dict__)
    bare.pipeline = lambda results: results
    return bare[SeededIndex(index, 0)]['img']
