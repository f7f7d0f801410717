"""Finding where two pictures of a split screen touch without a gap."""

import cv2
import numpy as np

# In columns of a picture of this width: neighbours that a step is compared with, from and to.
_WIDTH = 384
_NEAR, _FAR = 2, 8
_NEIGHBOURS = np.ones((1, 2 * _FAR + 1), np.uint8)
_NEIGHBOURS[0, _FAR - _NEAR + 1 : _FAR + _NEAR] = 0
# Only the middle of the width is searched.
_SEARCHED = 0.3, 0.7
# Part of the rows in which the step must exceed its neighbours. Measured: at most 0.41 in 1,030
# pictures of patients, over 0.7 in 19 of 20 pairs of breast or muscle pictures joined. (Point
# targets of a simulated phantom can exceed it.)
_LEAST_ROWS = 0.55
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
    rows = (step > cv2.dilate(step, _NEIGHBOURS) + _LEAST_STEP).mean(axis=0)[first:last]
    best = int(np.argmax(rows))
    return round((first + best + 1) / scale) if rows[best] > _LEAST_ROWS else None
