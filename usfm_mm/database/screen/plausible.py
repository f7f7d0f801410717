"""Is a picture ultrasound at all, or a photograph, a CT or an MR picture?"""

import cv2
import numpy as np

from usfm_mm.database.screen.sector import reduced

# Measured by benchmarks/plausible.py; docs/database.md has both errors. Speckle is wider than high,
# since the beam is wider than its pulse is long: grey changes less from left to right.
_MOST_RATIO = 0.78
# Or there is speckle in nearly all that is lit, as in pictures that were stretched to a square:
# local deviation over local mean of the smoothest tenth.
_LEAST_SPECKLE = 0.08
_SMOOTH = 3.0
# Grey levels: what is darker tells nothing; and what keeps the ratio finite.
_LIT, _OFFSET = 16, 8


def is_plausible(picture: np.ndarray) -> bool:
    """Whether a grey picture, uint8 [H, W], has the texture of ultrasound."""
    ratio, speckle = texture(picture)
    return ratio < _MOST_RATIO or speckle > _LEAST_SPECKLE


def texture(picture: np.ndarray) -> tuple[float, float]:
    """How a picture's lit parts are textured.

    Args:
        picture: Grey uint8 [H, W].

    Returns:
        Mean change of grey from left to right over that from top to bottom; and the local standard
        deviation over the local mean, of which nine tenths of the lit pixels have more.
    """
    grey = reduced(picture).astype(np.float32)
    mean = cv2.GaussianBlur(grey, (0, 0), _SMOOTH)
    deviation = np.sqrt(cv2.GaussianBlur((grey - mean) ** 2, (0, 0), _SMOOTH))
    lit = mean > _LIT
    if not lit.any():
        return 1.0, 0.0
    across, down = (
        float(np.abs(cv2.Sobel(grey, cv2.CV_32F, *order))[lit].mean()) for order in ((1, 0), (0, 1))
    )
    speckle = float(np.percentile(deviation[lit] / (mean[lit] + _OFFSET), 10))
    return across / max(down, 1e-6), speckle
