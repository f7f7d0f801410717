"""What makes a cut-out no picture to learn from."""

import cv2
import numpy as np

# Standard deviation in grey levels; and the number of levels that a mask or a line drawing has.
_LEAST_CONTRAST = 2.0
_FEW_LEVELS = 16
# In a drawing nearly all pixels have one of its few levels; edges that were smoothed have others.
_MOSTLY = 0.97
# After JPEG, a flat surface has levels within so many of its own; two surfaces differ in more, and
# each takes part of the picture. Away from their edges, by half the width below, nothing else is.
_RINGING, _APART, _LEAST_SURFACE, _MOSTLY_FLAT = 8, 32, 0.001, 0.985
_SURFACES, _EDGE = 4, 7
_TEXTURE, _LEAST_TEXTURE = 25, 0.01
# A line drawn on black: what is lit at all, what is bright, how far it reaches, how much of its box
# it fills.
_LIT, _BRIGHT = 16, 64
_MOST_LIT, _LEAST_REACH, _MOST_FILLED = 0.1, 0.05, 0.2
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
    if mostly and counts[1:255].max() < white < black:
        return True
    return _is_flat(picture) or _is_line(picture)


def _is_flat(picture: np.ndarray) -> bool:
    """Whether a few surfaces of one level each make up a picture, but for what JPEG adds."""
    kernel = np.ones((3, 3), np.uint8)
    calm = cv2.morphologyEx(picture, cv2.MORPH_GRADIENT, kernel) <= _RINGING
    counts = np.bincount(picture[calm], minlength=256)
    levels = []
    for _ in range(_SURFACES):
        around = np.convolve(counts, np.ones(_RINGING + 1), 'same')
        level = int(around.argmax())
        if around[level] < _LEAST_SURFACE * picture.size:
            break
        levels.append(level)
        counts[max(level - _APART, 0) : level + _APART + 1] = 0
    if len(levels) < 2:
        return False
    distance = np.abs(np.arange(256)[:, None] - levels)  # of each grey level to each surface's
    surface = cv2.LUT(picture, distance.argmin(axis=1).astype(np.uint8))
    edges = cv2.dilate(
        cv2.morphologyEx(surface, cv2.MORPH_GRADIENT, kernel), np.ones((_EDGE, _EDGE), np.uint8)
    )
    near = (distance.min(axis=1) <= _RINGING)[picture]
    away = edges == 0
    # Edges are bands; where they fill an area, it is texture.
    texture = cv2.morphologyEx(edges, cv2.MORPH_OPEN, np.ones((_TEXTURE, _TEXTURE), np.uint8))
    if not away.any():
        return False
    return bool(near[away].mean() > _MOSTLY_FLAT and (texture > 0).mean() < _LEAST_TEXTURE)


def _is_line(picture: np.ndarray) -> bool:
    """Whether a thin bright line on black is all that a picture shows."""
    if (picture > _LIT).mean() > _MOST_LIT:
        return False
    bright = (picture > _BRIGHT).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(bright, connectivity=8)
    if len(stats) < 2:
        return False
    _, _, width, height, area = max(stats[1:], key=lambda one: one[cv2.CC_STAT_AREA]).tolist()
    reach = width * height
    return reach > _LEAST_REACH * picture.size and area < _MOST_FILLED * reach


def thumbnail(picture: np.ndarray) -> np.ndarray:
    """Small normalised copy, float32 [1024] of mean 0 and length 1, to compare frames by."""
    small = cv2.resize(picture, _THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    small -= small.mean()
    return small / max(float(np.linalg.norm(small)), 1e-6)
