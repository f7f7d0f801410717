"""Burned-in text: found by a network, painted over."""

import cv2
import numpy as np

from usfm_mm.database.readers.clip import Box
from usfm_mm.database.screen.text_net import Region, find_large_regions, find_regions

# Small text is sure in few of its cells; what is larger, in nearly all, or it is streaks of tissue.
# Measured: docs/database_pictures.md.
_SURE, _SMALL = 0.6, 24
# Grey levels a pixel, passed by a twentieth of a region: letters have edges, streaks have none.
_EDGES = 12.5
# Covering text can uncover some that stood too near to it to be found.
_ROUNDS = 3


def find_text(image: np.ndarray) -> list[Box]:
    """Boxes of the text in a picture, with a margin: of words, lines, or lines close together.

    Args:
        image: Grey uint8 [H, W].

    Example:
        >>> picture = np.zeros((200, 300), np.uint8)
        >>> _ = cv2.putText(picture, 'DOE', (100, 100), cv2.FONT_HERSHEY_SIMPLEX, 1.0, 255, 2)
        >>> (box,) = find_text(picture)
        >>> bool(box.cut(picture).sum() == picture.sum())
        True
    """
    found = _boxes(find_regions(image), image)
    image = paint_over(image, found)  # or its lines would look like one of large letters
    return found + _boxes(find_large_regions(image), image)


def _boxes(regions: list[Region], image: np.ndarray) -> list[Box]:
    return [_widened(each.box, *image.shape) for each in regions if _is_text(each, image)]


def _is_text(region: Region, image: np.ndarray) -> bool:
    if (region.highest if region.side <= _SMALL else region.mean) < _SURE:
        return False
    if min(region.box.width, region.box.height) < 2:
        return True
    down, across = np.gradient(region.box.cut(image).astype(np.float32))
    return float(np.percentile(np.hypot(down, across), 95)) >= _EDGES


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


def _widened(box: Box, height: int, width: int) -> Box:
    """A box with a margin: strokes reach a little beyond what the network marks."""
    margin = round(2 + 0.15 * min(box.width, box.height))
    return Box(
        max(box.left - margin, 0),
        max(box.top - margin, 0),
        min(box.right + margin, width),
        min(box.bottom + margin, height),
    )


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
    if mask.all():  # there is nothing to fill from
        return np.zeros_like(image)
    return cv2.inpaint(image, mask, 3, cv2.INPAINT_TELEA)
