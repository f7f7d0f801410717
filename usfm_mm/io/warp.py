"""A window of an image at another size and angle, in one pass."""

import math

import cv2
import numpy as np


def warp_window(
    image: np.ndarray,
    size: tuple[int, int],
    window: tuple[float, float] | None = None,
    center: tuple[float, float] | None = None,
    angle: float = 0.0,
) -> np.ndarray:
    """Resize a window of an image, by default the whole of it.

    Interpolation is bilinear. Where the image is reduced twofold or more, it is first reduced by
    a whole factor with area averaging, against aliasing. Outside a turned image it is black.

    Args:
        image: uint8 [H, W] or [H, W, C].
        size: Height and width of the result.
        window: Height and width of the window in pixels of the image.
        center: x and y of its centre; (0, 0) is the outer corner of the first pixel.
        angle: Degrees by which the picture turns counter-clockwise.

    Returns:
        uint8 [height, width], or [height, width, C] for C > 1.
    """
    height, width = image.shape[:2]
    out_height, out_width = size
    window = window or (height, width)
    center = center or (width / 2, height / 2)
    shrink = int(min(window[0] / out_height, window[1] / out_width))
    if shrink >= 2:
        small = max(1, round(width / shrink)), max(1, round(height / shrink))
        image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
        factor_x, factor_y = small[0] / width, small[1] / height
    else:
        factor_x = factor_y = 1.0
    matrix = window_matrix(angle, window, center, size)
    # Pixel centres: x + 1/2 scales, not x.
    matrix[0] *= factor_x
    matrix[1] *= factor_y
    matrix[0, 2] += (factor_x - 1) / 2
    matrix[1, 2] += (factor_y - 1) / 2
    # Without rotation only half a pixel of border can be seen, and must not darken the edge.
    border = cv2.BORDER_REPLICATE if angle == 0 else cv2.BORDER_CONSTANT
    return cv2.warpAffine(
        image,
        matrix.astype(np.float32),
        (out_width, out_height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=border,
    )


def window_matrix(
    angle: float, window: tuple[float, float], center: tuple[float, float], size: tuple[int, int]
) -> np.ndarray:
    """Matrix that takes output pixels (x, y) to source pixels.

    Args:
        angle: Degrees by which the picture turns counter-clockwise.
        window: Height and width of the window in source pixels.
        center: x and y of the window's centre; (0, 0) is the outer corner of the first pixel.
        size: Output height and width.

    Returns:
        float64 [2, 3].
    """
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    step_x, step_y = window[1] / size[1], window[0] / size[0]
    # y points down, so a picture turned counter-clockwise reads the source along (cos, sin).
    matrix = np.array(
        [[cosine * step_x, -sine * step_y, 0.0], [sine * step_x, cosine * step_y, 0.0]]
    )
    middle = np.array([(size[1] - 1) / 2, (size[0] - 1) / 2])
    matrix[:, 2] = np.array(center) - 0.5 - matrix[:, :2] @ middle
    return matrix
