"""Finding where two pictures of a split screen touch without a gap."""

import math

import cv2
import numpy as np

# In columns of a picture of this width: neighbours that a step is compared with, from and at least
# to. In pixels of the picture itself: blocks of a codec, whose edges are steps, too, in dark
# frames and at low quality; two blocks to each side must step less.
_WIDTH = 384
_NEAR, _FAR = 2, 8
_BLOCKS = 17
# Only the middle of the width is searched.
_SEARCHED = 0.3, 0.7
# Part of the rows in which the step must exceed its neighbours. Measured: at most 0.44 in 252 lung
# clips and 0.49 in 397 pictures as JPEG of quality 10 and more; more than this in 50 of 50 pairs of
# breast pictures joined, and 37 of 42 pairs of clips.
_LEAST_ROWS = 0.5
# Grey levels; rows without a step of this size, as in black corners, do not count as exceeding.
_LEAST_STEP = 0.5


def find_seam(picture: np.ndarray) -> int | None:
    """Column at which the right picture begins, if two are joined side by side.

    A seam is a column where brightness steps more than in its neighbours, in most rows. Edges of
    tissue are not as straight, or not as long.

    Args:
        picture: Grey uint8 [H, W].
    """
    height, width = picture.shape
    scale = _WIDTH / width
    size = (_WIDTH, max(round(height * scale), 1))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    # Along the seam alone: speckle averages out, the step stays.
    smooth = cv2.GaussianBlur(small, (1, 0), sigmaX=0, sigmaY=2)
    step = np.abs(np.diff(smooth, axis=1))
    first, last = (int(part * _WIDTH) for part in _SEARCHED)
    far = max(_FAR, math.ceil(_BLOCKS * scale))
    neighbours = np.ones((1, 2 * far + 1), np.uint8)
    neighbours[0, far - _NEAR + 1 : far + _NEAR] = 0
    rows = (step > cv2.dilate(step, neighbours) + _LEAST_STEP).mean(axis=0)[first:last]
    best = int(np.argmax(rows))
    return round((first + best + 1) / scale) if rows[best] > _LEAST_ROWS else None
