"""Finding the ultrasound picture on a scanner's screen: the largest textured or moving area."""

from dataclasses import dataclass

import cv2
import numpy as np

from usfm_mm.database.readers.clip import Box
from usfm_mm.database.screen.seam import find_seam

# All sizes below are in pixels of a screen reduced to this longest side.
WORK_SIDE = 384
_TEXTURE_WINDOW = 9
_OPEN, _CLOSE = 7, 9
# Grey levels: flat surfaces of the screen change by none, and what is as dark is no tissue.
_LEAST_CHANGE, _LEAST_GREY = 1, 2
_LEAST_MOTION = 3
# What is brighter is not the black surround; by which part it must lie within an outline.
_GREY = 8
_MOSTLY_WITHIN = 0.7
# Parts of the screen's area: less is no picture; less that moves says nothing (a frozen clip).
_LEAST_PICTURE, _LEAST_MOVING = 0.02, 0.05
# Part of a side: a picture that ends this near to the screen's edge reaches it.
_SNAP = 0.03
# Part of its box that the sector must leave free before the rest is blackened.
LEAST_CORNERS = 0.03


@dataclass(frozen=True)
class Found:
    """A picture on a screen.

    Attributes:
        box: Where it is, in pixels of the screen.
        inside: Its convex outline, bool [box.height, box.width]; None when it fills its box.
    """

    box: Box
    inside: np.ndarray | None


def reduced(image: np.ndarray) -> np.ndarray:
    """An image [H, W, ...] reduced to the longest side that the search works on."""
    scale = WORK_SIDE / max(image.shape[:2])
    if scale >= 1:
        return image
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def find_pictures(
    screen: np.ndarray, text: list[Box], motion: np.ndarray | None = None
) -> list[Found]:
    """Find the picture, or the two of a split screen.

    Args:
        screen: Grey uint8 [H, W]; of a clip, the median over its frames.
        text: Boxes of text, which are no part of a picture.
        motion: Range of each pixel over the frames of a clip, in grey levels, of the shape that
            :func:`reduced` gives. What moves is the picture, unless next to nothing does.

    Returns:
        None, one, or two side by side, the left one first.
    """
    small = reduced(screen)
    active = active_pixels(small, motion)
    clear_boxes(active, text, screen.shape)
    areas = areas_of(active)
    two = len(areas) > 1 and _side_by_side(areas[0], areas[1])
    areas = sorted(areas[: 1 + two], key=lambda area: int(area.any(axis=0).argmax()))
    found = [_found(_outline(area, small), screen.shape) for area in areas]
    if len(found) == 1 and (column := find_seam(found[0].box.cut(screen))):
        return _halves(found[0], column)
    return found


def active_pixels(screen: np.ndarray, motion: np.ndarray | None) -> np.ndarray:
    """Where a reduced screen [H, W] has texture or, if enough of it does, moves; bool [H, W]."""
    if motion is not None and (motion > _LEAST_MOTION).mean() > _LEAST_MOVING:
        return motion > _LEAST_MOTION
    return _textured(screen)


def clear_boxes(active: np.ndarray, boxes: list[Box], shape: tuple[int, ...]) -> None:
    """Set a reduced mask, bool, to False in boxes of a screen of this shape, in place."""
    scale = active.shape[0] / shape[0], active.shape[1] / shape[1]
    for box in boxes:
        top, bottom = int(box.top * scale[0]), int(np.ceil(box.bottom * scale[0]))
        left, right = int(box.left * scale[1]), int(np.ceil(box.right * scale[1]))
        active[top:bottom, left:right] = False


def _halves(whole: Found, column: int) -> list[Found]:
    """A picture cut apart at a column of its box."""
    box, middle = whole.box, whole.box.left + column
    boxes = Box(box.left, box.top, middle, box.bottom), Box(middle, box.top, box.right, box.bottom)
    if whole.inside is None:
        return [Found(half, None) for half in boxes]
    outlines = whole.inside[:, :column], whole.inside[:, column:]
    return [Found(half, inside) for half, inside in zip(boxes, outlines, strict=True)]


def _textured(screen: np.ndarray) -> np.ndarray:
    """Where grey levels change nearly everywhere, as speckle does and bars and icons do not."""
    smooth = cv2.medianBlur(screen, 3)
    change = cv2.morphologyEx(smooth, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    window = (_TEXTURE_WINDOW, _TEXTURE_WINDOW)
    dense = cv2.blur((change > _LEAST_CHANGE).astype(np.float32), window) > 0.5
    return dense & (cv2.blur(smooth, window) > _LEAST_GREY)


def areas_of(active: np.ndarray) -> list[np.ndarray]:
    """Connected areas as masks, the largest first, without thin and small ones."""
    margin = _CLOSE
    mask = np.pad(active.astype(np.uint8), margin)
    for operation, size in ((cv2.MORPH_OPEN, _OPEN), (cv2.MORPH_CLOSE, _CLOSE)):
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
        mask = np.asarray(cv2.morphologyEx(mask, operation, kernel))
    mask = mask[margin:-margin, margin:-margin]
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    sizes = stats[1:, cv2.CC_STAT_AREA]
    order = np.argsort(-sizes, kind='stable')
    return [labels == i + 1 for i in order if sizes[i] > _LEAST_PICTURE * active.size]


def _side_by_side(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two areas are the pictures of a split screen: alike in size, on one height."""
    if second.sum() < 0.4 * first.sum():
        return False
    rows = [np.flatnonzero(area.any(axis=1)) for area in (first, second)]
    columns = [np.flatnonzero(area.any(axis=0)) for area in (first, second)]
    shared_rows = min(rows[0][-1], rows[1][-1]) - max(rows[0][0], rows[1][0])
    shared_columns = min(columns[0][-1], columns[1][-1]) - max(columns[0][0], columns[1][0])
    heights = [r[-1] - r[0] for r in rows]
    widths = [c[-1] - c[0] for c in columns]
    return bool(
        shared_rows > 0.6 * max(heights)
        and min(widths) > 0.5 * max(widths)
        and shared_columns < 0.1 * min(widths)
    )


def _outline(area: np.ndarray, screen: np.ndarray) -> np.ndarray:
    """Convex outline of an area and of the smooth grey that mostly lies within it, as a mask.

    Deep tissue may neither move nor have texture; bars and panels of the screen lie outside.
    """
    inside = _filled_hull(area)
    _, labels = cv2.connectedComponents((screen > _GREY).astype(np.uint8), connectivity=4)
    sizes = np.bincount(labels.ravel())
    within = np.bincount(labels[inside], minlength=len(sizes)) > _MOSTLY_WITHIN * sizes
    within[0] = False  # the black surround
    return _filled_hull(inside | within[labels])


def _filled_hull(area: np.ndarray) -> np.ndarray:
    hull = _hull(area)
    return cv2.fillConvexPoly(np.zeros(area.shape, np.uint8), hull, 1).astype(bool)


def _hull(area: np.ndarray) -> np.ndarray:
    """Corners of an area's convex hull, int32 [N, 2] of x and y."""
    contours, _ = cv2.findContours(
        area.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    return cv2.convexHull(np.concatenate(contours))[:, 0]


def _found(area: np.ndarray, shape: tuple[int, ...]) -> Found:
    """Box and outline of a convex area, in pixels of the screen."""
    height, width = shape
    scale = np.array([width / area.shape[1], height / area.shape[0]])
    hull = _hull(area)
    left, top = np.floor(hull.min(axis=0) * scale).astype(int).tolist()
    right, bottom = np.ceil((hull.max(axis=0) + 1) * scale).astype(int).tolist()
    near_x, near_y = _SNAP * width, _SNAP * height
    box = Box(
        0 if left < near_x else left,
        0 if top < near_y else top,
        width if right > width - near_x else min(right, width),
        height if bottom > height - near_y else min(bottom, height),
    )
    inside = np.zeros((box.height, box.width), np.uint8)
    outline = np.rint((hull + 0.5) * scale - (box.left, box.top)).astype(np.int32)
    cv2.fillConvexPoly(inside, outline, 1)
    # The area ends where texture fills half of a window, a little inside the true edge.
    reach = 2 * int(np.ceil(_TEXTURE_WINDOW / 2 * scale.max())) + 1
    filled = cv2.dilate(inside, np.ones((reach, reach), np.uint8)).astype(bool)
    return Found(box, None if 1 - filled.mean() < LEAST_CORNERS else filled)
