"""What is known of a scanner: where the picture lies on its screen."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from usfm_mm.database.readers.clip import Box
from usfm_mm.database.screen.sector import LEAST_CORNERS

Key = tuple[str, tuple[int, int], tuple[Box, ...]]


@dataclass(frozen=True)
class Scanner:
    """Where the picture lies on the screen of a device, with frames of one size.

    Attributes:
        device: As the rules call it.
        size: Width and height of the frames in pixels.
        regions: Boxes of tissue that the files name; empty where they name none.
        outline: Corners x, y of a convex polygon, in pixels of the frame.
        banner: Boxes beside the picture in which text stands in most files.
        files: How many agree.
        patients: Of how many patients these are.
        agreeing: Their share of the files in which one picture was found.
        within: Share of those that agree or whose picture lies within the outline.
    """

    device: str
    size: tuple[int, int]
    regions: tuple[Box, ...]
    outline: tuple[tuple[int, int], ...]
    banner: tuple[Box, ...]
    files: int
    patients: int
    agreeing: float
    within: float

    @property
    def key(self) -> Key:
        """What a file must have in common with those that were learned from."""
        return self.device, self.size, self.regions

    @property
    def name(self) -> str:
        """For reports, for instance ``LOGIQ E9, 640 × 480``."""
        return screen_name(self.key)

    @property
    def box(self) -> Box:
        """The smallest box that holds the outline."""
        corners = np.array(self.outline)
        (left, top), (right, bottom) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
        return Box(left, top, right + 1, bottom + 1)

    @cached_property
    def mask(self) -> np.ndarray:
        """The outline on the whole screen, bool [H, W]."""
        width, height = self.size
        return filled(self.outline, (height, width))

    @property
    def inside(self) -> np.ndarray | None:
        """The outline within its box, bool [box.height, box.width]; None when it fills it."""
        inside = self.box.cut(self.mask)
        return None if 1 - inside.mean() < LEAST_CORNERS else inside


def screen_name(key: Key) -> str:
    """What a scanner is called in reports.

    >>> screen_name(('LOGIQ E9', (640, 480), (Box(0, 40, 640, 480),)))
    'LOGIQ E9, 640 × 480, 1 region'
    """
    device, (width, height), regions = key
    several = f', {len(regions)} region{"s" * (len(regions) > 1)}' if regions else ''
    return f'{device}, {width} × {height}{several}'


def filled(outline: Iterable[tuple[int, int]], shape: tuple[int, int]) -> np.ndarray:
    """A convex polygon of corners x, y as bool of shape [H, W].

    >>> filled([(1, 0), (2, 0), (2, 1), (1, 1)], (2, 4)).astype(int).tolist()
    [[0, 1, 1, 0], [0, 1, 1, 0]]
    """
    corners = np.array(list(outline), np.int32)
    return cv2.fillConvexPoly(np.zeros(shape, np.uint8), corners, 1).astype(bool)
