"""The picture on the screen of a scanner that is known: no search for it, but a check."""

import cv2
import numpy as np

from usfm_mm.database.readers.clip import Box
from usfm_mm.database.scanner import Scanner
from usfm_mm.database.screen.seam import find_seam
from usfm_mm.database.screen.sector import (
    Found,
    active_pixels,
    areas_of,
    clear_boxes,
    reduced,
)
from usfm_mm.database.screen.view import View, motion_of, standing_text, typical, view_of

# Around the box, in pixels of the screen: text that the box's edge cuts is found by its whole.
_MARGIN = 32
# Around the outline, in pixels of the reduced screen: the rim of texture at its edge.
_RIM = 7
# Part of the outline that must have texture or move: dark pictures have little, report pages none.
_LEAST_ACTIVE = 0.1


def remembered_view(frames: list[np.ndarray], scanner: Scanner, still: bool) -> View | None:
    """The picture where the scanner's lies; None where the frames contradict it.

    They do where something like a picture lies beside the outline, where next to nothing lies in
    it, or where two pictures meet in it. Text is looked for in the box and a margin around it.

    Args:
        frames: Some frames of the clip, grey uint8 [H, W] of the scanner's size.
        scanner: What is known.
        still: The one frame given is all that the file has.
    """
    screen, frames = typical(frames)
    box = scanner.box
    active = active_pixels(reduced(screen), motion_of(frames))
    if _beside(active, scanner) or find_seam(box.cut(screen)):
        return None
    around = Box(
        max(box.left - _MARGIN, 0),
        max(box.top - _MARGIN, 0),
        min(box.right + _MARGIN, scanner.size[0]),
        min(box.bottom + _MARGIN, scanner.size[1]),
    )
    lines = standing_text(around.cut(screen))
    text = [line.shifted(around.left, around.top) for line in lines]
    clear_boxes(active, text, screen.shape)
    outline = _small(scanner.mask, active.shape)
    if active[outline].mean() < _LEAST_ACTIVE:
        return None
    whole = Box(0, 0, *scanner.size)
    return view_of(Found(box, scanner.inside), whole, screen, text, screen.shape, still)


def _beside(active: np.ndarray, scanner: Scanner) -> bool:
    """Is there an area like a picture outside of the outline, on the part that files name?"""
    shape = scanner.size[1], scanner.size[0]
    outside = active.copy()
    clear_boxes(outside, list(scanner.banner), shape)
    if scanner.regions:
        named = np.zeros(shape, bool)
        for region in scanner.regions:
            region.cut(named)[:] = True
        outside &= _small(named, active.shape)
    size = 2 * _RIM + 1
    near = cv2.dilate(_small(scanner.mask, active.shape).astype(np.uint8), np.ones((size, size)))
    outside[near > 0] = False
    return bool(areas_of(outside))


def _small(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A mask at another size."""
    return cv2.resize(
        mask.astype(np.uint8), (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST
    ).astype(bool)
