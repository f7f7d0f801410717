"""Eq. 1: how often an organ is drawn, as a pure NumPy function."""

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
