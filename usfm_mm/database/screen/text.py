"""Burned-in text: found by OCR, painted over."""

from collections.abc import Callable

import cv2
import numpy as np

from usfm_mm.database.readers.clip import Box
from usfm_mm.database.screen.ocr import Line, detect, read

# The network wants text of some 15 pixels; it is trained on a shorter side of 736.
_SHORT_SIDE = 736
_MAX_ZOOM = 3.0
_BORDER = 24
# What the detector is as sure of is text, whatever the recognition, which knows few scripts, makes
# of it; but large speckle and vessels are not. Measured: docs/database_pictures.md.
_DETECTED, _TALLEST_DETECTED = 0.6, 1 / 12
# Speckle and vessels are read as single large characters of low score; texts have more than 0.5,
# except small ones.
_SURE, _LIKELY = 0.5, 0.2
_TALLEST_WORD, _TALLEST_SURE, _TALLEST_LIKELY = 1 / 3, 1 / 6, 1 / 20
# Of so many characters; speckle is taken for one or two.
_WORD = 3
# In pixels; no text is lower, and none so small that it may be this tall in a small picture.
_SMALL = 10
# Covering text can uncover some that stood too near to it to be found.
_ROUNDS = 2


def find_text(image: np.ndarray) -> list[Box]:
    """Boxes of the text in a picture.

    A line counts as text when the detection is sure of it and it is not tall; when the recognition,
    as it stands or upside down, is sure of its characters; or when that is likely and it is small.
    Words taller than a third of the picture, and characters taller than a sixth, are texture.

    Args:
        image: Grey uint8 [H, W].
    """
    height, width = image.shape
    zoom = float(np.clip(_SHORT_SIDE / min(height, width), 1.0, _MAX_ZOOM))
    if zoom > 1:
        image = cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_LINEAR)
    # Text that touches the edge is found better with something beyond it.
    image = np.pad(image, _BORDER)
    boxes = []
    for line in detect(image):
        points = (line.corners - _BORDER) / zoom
        line_height = min(cv2.minAreaRect(points)[1])
        if _is_text(image, line, line_height, height):
            boxes.append(_around(points, line_height, height, width))
    return boxes


def cover_text(
    picture: np.ndarray, standing: list[Box], inside: np.ndarray | None, search: bool
) -> tuple[np.ndarray | None, list[Box]]:
    """Paint text over until a search of what is left finds none.

    Args:
        picture: Grey uint8 [H, W].
        standing: Boxes of text already found.
        inside: Outline of the sector, bool [H, W]; all else becomes black. None: no outline.
        search: Whether to look for more text than `standing`.

    Returns:
        The picture, uint8 [H, W], or None if there is still text after the last round; and the
        boxes that were painted over within the outline.
    """
    text = [box for box in standing if inside is None or box.cut(inside).any()]
    picture = paint_over(picture, text)
    if inside is not None:
        picture[~inside] = 0
    for _ in range(_ROUNDS if search else 0):
        found = find_text(picture)
        if not found:
            return picture, text
        text += found
        picture = paint_over(picture, found)
    return (None if search and find_text(picture) else picture), text


def _is_text(image: np.ndarray, line: Line, line_height: float, picture_height: int) -> bool:
    def at_most(part: float) -> bool:
        return line_height <= max(_SMALL, part * picture_height)

    if line.score >= _DETECTED and at_most(_TALLEST_DETECTED):
        return True
    # What is taller than any text is not read.
    return at_most(_TALLEST_WORD) and any(
        _is_readable(*read(image, line, upside_down), at_most) for upside_down in (False, True)
    )


def _is_readable(characters: str, score: float, at_most: Callable[[float], bool]) -> bool:
    if not characters or score < _LIKELY:
        return False
    if score < _SURE:
        return at_most(_TALLEST_LIKELY)
    return at_most(_TALLEST_WORD if len(characters) >= _WORD else _TALLEST_SURE)


def _around(points: np.ndarray, line_height: float, height: int, width: int) -> Box:
    """Upright box around the corners with a margin: strokes reach a little beyond a text's box."""
    margin = 2 + 0.15 * line_height
    ends = (width, height)
    left, top = np.clip(np.floor(points.min(axis=0) - margin), 0, ends).astype(int).tolist()
    right, bottom = np.clip(np.ceil(points.max(axis=0) + margin), 0, ends).astype(int).tolist()
    return Box(left, top, right, bottom)


def paint_over(image: np.ndarray, boxes: list[Box]) -> np.ndarray:
    """Fill boxes from their surroundings; nothing of what is inside is used.

    Args:
        image: Grey uint8 [H, W].
        boxes: Boxes within it.

    Returns:
        A copy, uint8 [H, W].
    """
    if not boxes:
        return image.copy()
    mask = np.zeros(image.shape, np.uint8)
    for box in boxes:
        box.cut(mask)[:] = 255
    return cv2.inpaint(image, mask, 3, cv2.INPAINT_TELEA)
