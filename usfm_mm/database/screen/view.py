"""Where on a clip's screen its pictures are: found once, from frames spread over the clip."""

from dataclasses import dataclass

import cv2
import numpy as np

from usfm_mm.database.readers.clip import Box
from usfm_mm.database.screen.checks import is_drawing
from usfm_mm.database.screen.sector import Found, find_pictures, reduced
from usfm_mm.database.screen.text import find_text, paint_over

# Rounds of search: covered text uncovers some that stood too near to it.
_ROUNDS = 2
# A page of text with no picture, or with a picture much smaller than the text: part of the screen,
# and of the pictures.
_PAGE_PART, _PAGE_AREA = 0.03, 2.0
# Part of the screen; without text, a smaller picture is not taken for one on a screen.
_LEAST_PART = 0.25
# Grey levels that video compression leaves of black.
_BLACK = 8
# Standard deviation in grey levels of a frame that shows nothing.
_BLANK = 2.0


@dataclass(frozen=True)
class View:
    """One picture on the screen of a clip.

    Attributes:
        box: Where it is, in pixels of the frame.
        inside: Its outline within the box, bool [H, W]; None when it fills the box.
        text: Boxes of the text that stays over the clip, in pixels of the cut-out.
        removed: What cutting it out takes away, of `pictures.REMOVALS`.
        searched: The cut-out is a still's whole screen, in which no text was found.
    """

    box: Box
    inside: np.ndarray | None
    text: list[Box]
    removed: tuple[str, ...]
    searched: bool


@dataclass(frozen=True)
class ScreenLayout:
    """The views of a screen, more than one if it is split; `fault` is why it is left out.

    A report page has one view, the whole page, for those who keep it.

    Attributes:
        text: Boxes of all text on the screen, in pixels of the frame.
    """

    views: tuple[View, ...]
    fault: str | None = None
    text: tuple[Box, ...] = ()


def lay_out(frames: list[np.ndarray], regions: tuple[Box, ...], still: bool) -> ScreenLayout:
    """Find the pictures on the screen of a clip.

    Args:
        frames: Some frames of the clip, grey uint8 [H, W] of one size.
        regions: Boxes of tissue that the file names; empty: the whole screen is searched.
        still: The one frame given is all that the file has.
    """
    screen, frames = typical(frames)
    height, width = screen.shape
    views: list[View] = []
    pages: list[View] = []
    lines: list[Box] = []
    fault = 'blank'
    for region in regions or (Box(0, 0, width, height),):
        part = region.cut(screen)
        if is_drawing(part):
            fault = 'mask or drawing'
            continue
        text = standing_text(part)
        lines += (line.shifted(region.left, region.top) for line in text)
        found = find_pictures(part, text, motion_of([region.cut(frame) for frame in frames]))
        if _is_page(text, found, part.size):
            pages.append(view_of(_whole(region), region, part, text, screen.shape, still))
            continue
        if not text and sum(each.box.width * each.box.height for each in found) < (
            _LEAST_PART * part.size
        ):
            # A screen has text. This was cut out before and is mostly black.
            found = [_whole(region)]
        views += [view_of(each, region, part, text, screen.shape, still) for each in found]
    if views:
        return ScreenLayout(tuple(views), text=tuple(lines))
    return ScreenLayout(tuple(pages[:1]), 'report page' if pages else fault, tuple(lines))


def typical(frames: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Median of the frames that show something, uint8 [H, W], and these frames."""
    # Black frames at the start or end would be the median of a short clip.
    frames = [frame for frame in frames if frame.std() > _BLANK] or frames
    screen = np.median(np.stack(frames), axis=0).astype(np.uint8) if frames[1:] else frames[0]
    return screen, frames


def _whole(region: Box) -> Found:
    return Found(Box(0, 0, region.width, region.height), None)


def motion_of(frames: list[np.ndarray]) -> np.ndarray | None:
    """Range of each pixel over the frames without its two extremes; None for a still."""
    if len(frames) < 2:
        return None
    stack = np.stack([reduced(cv2.medianBlur(frame, 3)) for frame in frames])
    if len(frames) > 5:
        stack = np.sort(stack, axis=0)[1:-1]
    return stack.max(axis=0) - stack.min(axis=0)


def standing_text(screen: np.ndarray) -> list[Box]:
    """Boxes of text, searched again with what was found covered."""
    boxes: list[Box] = []
    for _ in range(_ROUNDS):
        found = find_text(screen)
        if not found:
            break
        boxes += found
        screen = paint_over(screen, found)
    return boxes


def _is_page(text: list[Box], pictures: list[Found], screen: int) -> bool:
    area = sum(box.width * box.height for box in text)
    shown = sum(found.box.width * found.box.height for found in pictures)
    return area > max(_PAGE_PART * screen, _PAGE_AREA * shown)


def view_of(
    found: Found,
    region: Box,
    part: np.ndarray,
    text: list[Box],
    screen: tuple[int, ...],
    still: bool,
) -> View:
    """The view of a picture found in a part of the screen, with the text that lies in it."""
    box = found.box
    removed = []
    if (region.height, region.width) != screen:
        removed.append('screen outside the ultrasound region')
    if (box.height, box.width) != part.shape:
        removed.append('screen outside the picture')
    if found.inside is not None and (box.cut(part)[~found.inside] > _BLACK).any():
        removed.append('corners beside the sector')
    shifted = [_within(line, box) for line in text]
    return View(
        box=box.shifted(region.left, region.top),
        inside=found.inside,
        text=[line for line in shifted if line is not None],
        removed=tuple(removed),
        searched=still and not text and found.inside is None and box.cut(part).shape == part.shape,
    )


def _within(line: Box, box: Box) -> Box | None:
    """The part of a line of text that lies in a box, in pixels of the box."""
    cut = Box(
        max(line.left, box.left) - box.left,
        max(line.top, box.top) - box.top,
        min(line.right, box.right) - box.left,
        min(line.bottom, box.bottom) - box.top,
    )
    return cut if cut.width > 0 and cut.height > 0 else None
