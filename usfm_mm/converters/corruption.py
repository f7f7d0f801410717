"""What can be wrong with a picture of another machine or hand, in five steps: for robustness."""

import cv2
import numpy as np

from usfm_mm.converters.degradation import DYNAMIC_RANGE, degrade

SEVERITIES = 5
LADDER: dict[str, tuple[float, ...]] = {
    'speckle': (0.1, 0.2, 0.3, 0.45, 0.6),
    'gain': (3.0, 6.0, 9.0, 12.0, 18.0),
    'shadow': (6.0, 12.0, 20.0, 30.0, 60.0),
    'resolution': (0.5, 1.0, 1.5, 2.5, 4.0),
}
"""By kind, from mild to severe: share of unresolved speckle; dB up or down; dB of attenuation;
standard deviation of the point spread along the beam in 224ths of the height (across it twice as
many of the width). The steps are ours, not fitted to any scanner."""

_NONE = 1e-3
"""Standard deviation of a blur that does nothing, pixels."""


def corrupt(image: np.ndarray, kind: str, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Make a B-mode picture worse in one way, keeping its size and where things lie.

    Grey levels are taken for a logarithm of echoes, as in
    :func:`~usfm_mm.converters.degradation.degrade`, which does speckle and resolution. Gain is
    turned up or down, by chance; black stays black. A shadow begins at a random place in the upper
    half, is a fifth to two fifths of the width wide, and reaches to the bottom.

    Args:
        image: uint8 ``[H, W]``.
        kind: Key of ``LADDER``.
        severity: 1 to 5.
        rng: Where all chance is drawn from.

    Returns:
        uint8 ``[H, W]``.

    Raises:
        ValueError: For another kind or severity.

    Example:
        >>> grey = np.full((8, 8), 100, np.uint8)
        >>> sorted({int(v) for v in corrupt(grey, 'gain', 2, np.random.default_rng(0)).flat})
        [126]
    """
    if kind not in LADDER or not 1 <= severity <= SEVERITIES:
        raise ValueError(f'{kind}:{severity} is none of {", ".join(LADDER)} with 1 to {SEVERITIES}')
    amount, (height, width) = LADDER[kind][severity - 1], image.shape
    if kind == 'speckle':
        return degrade(image, rng, amount, (_NONE, _NONE), noise=-200.0, contrast=1.0)
    if kind == 'resolution':
        blur = (amount * height / 224, 2 * amount * width / 224)
        return degrade(image, rng, 0.0, blur, noise=-200.0, contrast=1.0)
    if kind == 'gain':
        return _louder(image, rng.choice([-amount, amount]))
    return _louder(image, -amount * _shadow(height, width, rng))


def _louder(image: np.ndarray, decibel: np.ndarray | float) -> np.ndarray:
    levels = image + 255 / DYNAMIC_RANGE * decibel
    return np.where(image > 0, np.rint(levels).clip(0, 255), 0).astype(np.uint8)


def _shadow(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Share of the attenuation at each pixel, with soft sides."""
    mask = np.zeros((height, width))
    wide = round(width * rng.uniform(0.2, 0.4))
    left = int(rng.integers(0, width - wide + 1))
    mask[int(height * rng.uniform(0, 0.5)) :, left : left + wide] = 1
    return cv2.GaussianBlur(mask, (0, 0), width / 64, borderType=cv2.BORDER_REPLICATE)
