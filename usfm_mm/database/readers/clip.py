"""What every reader gives: a clip, of one frame or many."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from usfm_mm.database.readers.spacing import Spacing
from usfm_mm.database.types import RejectedError

Frames = Iterator[tuple[int, np.ndarray | None]]


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """In pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """In pixels."""
        return self.bottom - self.top

    def shifted(self, x: int, y: int) -> 'Box':
        """The same rectangle, moved to the right and down.

        >>> Box(0, 0, 2, 1).shifted(5, 7)
        Box(left=5, top=7, right=7, bottom=8)
        """
        return Box(self.left + x, self.top + y, self.right + x, self.bottom + y)

    def cut(self, image: np.ndarray) -> np.ndarray:
        """The part of an image [H, W, ...] inside the box, as a view."""
        return image[self.top : self.bottom, self.left : self.right]


@dataclass
class Clip:
    """One open file.

    Attributes:
        read: Called with a step, yields every step-th frame as its number from 0 and its pixels:
            uint8, grey [H, W] or RGB [H, W, 3]; None for a damaged one. Can be called again.
        rate: Frames per second, where known.
        count: Frames, where the file tells it without being decoded.
        regions: Boxes of 2D tissue that a DICOM file names; empty where it names none.
        spacing: Height and width of a pixel in mm, where the header tells.
        cut_off: The file ends too early; where no frame can be decoded, that is the reason.
        fields: Text of the DICOM fields by keyword. Private.
    """

    read: Callable[[int], Frames]
    rate: float | None = None
    count: int | None = None
    regions: tuple[Box, ...] = ()
    spacing: Spacing | None = None
    cut_off: bool = False
    fields: dict[str, str] = field(default_factory=dict)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the warnings of pydicom and Pillow: they repeat values of the header."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        yield


def check_size(height: int, width: int, max_pixels: int) -> None:
    """Refuse a frame before it is decoded.

    Raises:
        RejectedError: It has more than `max_pixels` pixels, or none.
    """
    if height < 1 or width < 1:
        raise RejectedError('damaged', 'a frame without rows or columns')
    if height * width > max_pixels:
        raise RejectedError(
            'too large', f'frames of {height} x {width} pixels; max_pixels={max_pixels}'
        )


def to_8_bits(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Map [low, high] linearly to [0, 255], what lies outside to its ends; uint8."""
    scale = 255.0 / (high - low) if high > low else 0.0
    with np.errstate(invalid='ignore'):  # infinity in black
        scaled = (values.astype(np.float32) - np.float32(low)) * np.float32(scale)
    return np.clip(np.rint(np.nan_to_num(scaled)), 0, 255).astype(np.uint8)


def sample_range(values: np.ndarray) -> tuple[float, float]:
    """Range of the samples that were meant, for files that do not tell it.

    Whole numbers that are never negative are taken to start at 0 and to fill the smallest of 8,
    10, 12, 14 and 16 bits that holds them; anything else spans its own minimum and maximum.
    """
    finite = values[np.isfinite(values)] if values.dtype.kind == 'f' else values
    if not finite.size:
        return 0.0, 0.0
    low, high = float(finite.min()), float(finite.max())
    if values.dtype.kind in 'ui' and low >= 0:
        for bits in (8, 10, 12, 14, 16):
            if high < 2**bits:
                return 0.0, 2.0**bits - 1
    return low, high
