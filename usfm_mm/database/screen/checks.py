"""What makes a cut-out no picture to learn from."""

import cv2
import numpy as np

# Standard deviation in grey levels; and the number of levels that a mask or a line drawing has.
_LEAST_CONTRAST = 2.0
_FEW_LEVELS = 16
# In a drawing nearly all pixels have one of its few levels; edges that were smoothed have others.
_MOSTLY = 0.97
_THUMBNAIL = (32, 32)


def fault(picture: np.ndarray, min_side: int) -> str | None:
    """Why a grey picture, uint8 [H, W], is left out; None if it is not."""
    if min(picture.shape) < min_side:
        return 'too small'
    if picture.std() < _LEAST_CONTRAST:
        return 'blank'
    if is_drawing(picture):
        return 'mask or drawing'
    return None


def is_drawing(picture: np.ndarray) -> bool:
    """Whether flat surfaces make up a picture: masks of a data set, drawings, test patterns."""
    counts = np.bincount(picture.ravel(), minlength=256)
    if np.count_nonzero(counts) <= _FEW_LEVELS:
        return True
    # Smoothed edges have more levels. Black is common in pictures, too, white is not; and mostly
    # white is a page of text.
    black, white = counts[0], counts[255]
    mostly = black + white > _MOSTLY * picture.size
    return bool(mostly and counts[1:255].max() < white < black)


def thumbnail(picture: np.ndarray) -> np.ndarray:
    """Small normalised copy, float32 [1024] of mean 0 and length 1, to compare frames by."""
    small = cv2.resize(picture, _THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    small -= small.mean()
    return small / max(float(np.linalg.norm(small)), 1e-6)
