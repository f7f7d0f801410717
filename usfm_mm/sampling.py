"""What is drawn, as pure functions: organs by Eq. 1, and frames of a clip."""

import numpy as np


def organ_probabilities(counts: np.ndarray, power: float = 0.5) -> np.ndarray:
    """Probability of each organ to be drawn: N_o^(1 - power) / sum, zero for an absent organ.

    Args:
        counts: Images per organ, [O].
        power: In [0, 1]; 0.5 is Eq. 1.

    Returns:
        float64 [O], sum 1.
    """
    weights = np.where(counts > 0, np.asarray(counts, np.float64) ** (1 - power), 0.0)
    return weights / weights.sum()


def spread_evenly(total: int, count: int) -> list[int]:
    """Numbers of frames spread evenly over a clip: the middles of ``count`` equal parts of it.

    Args:
        total: Frames of the clip.
        count: How many at most.

    Returns:
        Increasing numbers from 0, all of them where there are no more than ``count``.

    Example:
        >>> spread_evenly(10, 4), spread_evenly(3, 4)
        ([1, 3, 6, 8], [0, 1, 2])
    """
    count = min(total, count)
    return [(2 * part + 1) * total // (2 * count) for part in range(count)]
