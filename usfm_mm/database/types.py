"""What the extraction of pictures from a scanner's file takes and gives."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

TOO_LONG, TOO_LARGE = 'took too long', 'too large'
# Why a whole file gives nothing.
FILE_REASONS = (
    'empty file',
    'unreadable',  # the file system refuses
    'not an image',  # no kind of file that is read
    'not ultrasound',
    'encrypted',
    'unsupported compression',
    'truncated',
    'damaged',
    TOO_LARGE,
    'no frames',
    TOO_LONG,
    'no tissue region',  # the DICOM regions name Doppler, M-mode or graphics alone
)

# Other reasons why a file gives nothing, which no reader tells.
EXCLUDED = 'excluded by rule'
FAILED = 'reader failed'
CRASHED = 'reader crashed'
CHANGED = 'changed while it was read'
VANISHED = 'vanished'
NO_FRAME = 'every frame left out'

# Why an image that is kept should be looked at.
DOUBTFUL = 'not like ultrasound'

RETRYABLE = ('unreadable', 'unsupported compression', FAILED, CRASHED, CHANGED, VANISHED)
"""Reasons that may be gone in a later run: a package, memory or a mount was missing."""

# Why a single frame is left out. A file with one frame has these in `Extraction.rejects`, too.
FRAME_REASONS = (
    'damaged frame',
    'thinned by rate',  # those between two that were looked at
    'similar to the frame before',
    'blank',
    'too small',
    'mask or drawing',
    'colour overlay',
    'mostly coloured',
    'split screen',
    'report page',
    'burned-in text',
    DOUBTFUL,
)

# What became of a scanner's known outline, before ': ' and the scanner's name.
FITTED, NOT_FITTED = 'fitted', 'did not fit'

PAINTED = 'burned-in text painted over'
# What was taken from a frame that is kept.
REMOVALS = (
    'screen outside the ultrasound region',
    'screen outside the picture',
    'corners beside the sector',
    PAINTED,
    'colour turned grey',
    'split screen cut apart',
)


class RejectedError(ValueError):
    """A whole file that gives nothing.

    Attributes:
        reason: One of :data:`FILE_REASONS`, for the report's table.
        detail: One line more, free of private data: no path and no header's value.
    """

    def __init__(self, reason: str, detail: str = '') -> None:
        if reason not in FILE_REASONS:
            raise AssertionError(f'{reason!r} is not one of FILE_REASONS')
        super().__init__(f'{reason}: {detail}' if detail else reason)
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple:
        # Workers send it to their parent; the default would give the joined message as the reason.
        return type(self), (self.reason, self.detail)


@dataclass(frozen=True)
class Picture:
    """One picture.

    Attributes:
        pixels: Grey uint8 [H, W], cut to the picture, burned-in text gone.
        frame: The frame's number in its file, from 0. The two halves of a split screen share it.
        removed: What was taken from it, of :data:`REMOVALS`.
        plausible: Whether it has the texture of ultrasound; a DICOM file says that it is.
        spacing: Height and width of a pixel in mm, where the file tells.
        before: The same cut-out with its text, uint8 [H, W]. PRIVATE: never written but to sheets
            beside the journal.
    """

    pixels: np.ndarray
    frame: int
    removed: tuple[str, ...]
    plausible: bool = True
    spacing: tuple[float, float] | None = None
    before: np.ndarray | None = None


@dataclass
class Extraction:
    """What one file gives.

    Attributes:
        pictures: The pictures, made one at a time as they are asked for.
        rejects: How many frames were left out for each of :data:`FRAME_REASONS`; complete when
            `pictures` is exhausted.
        fields: Text of the DICOM fields by keyword, for the rules of organ, centre and device and
            the hashes of patient and study. PRIVATE: never written. Empty for other files.
        outlines: Sizes of frames for which a known scanner's outline fitted or did not.
    """

    pictures: Iterator[Picture]
    rejects: Counter[str] = field(default_factory=Counter)
    fields: dict[str, str] = field(default_factory=dict)
    outlines: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Options:
    """How pictures are made; the same file and options give the same pictures everywhere.

    Attributes:
        text: Burned-in text is painted over, or its frame is left out.
        doppler: Frames with a coloured overlay are left out, or kept and turned grey.
        split_screens: Frames with two pictures are left out, or each half becomes a picture.
        text_search: Text is looked for in every frame kept, or once per clip in what does not move.
            The second is faster by an order and misses text that shows in some frames only.
        report_pages: Frames that are mostly text are left out, or kept with the text painted over.
        implausible: Pictures without the texture of ultrasound, from other files than DICOM, are
            kept and counted, or left out.
        frames_per_second: At most as many frames of a clip are looked at; None: all.
        frames_per_clip: At most as many of them, or slices of a volume, evenly spread; 0: all.
        similarity: A frame whose correlation with the last one kept, at 32×32 pixels, exceeds this
            is left out; 1 keeps all.
        max_pixels: A frame or volume slice of more pixels is not decoded.
        min_side: A picture with a shorter side in pixels is left out.
    """

    text: Literal['paint', 'reject'] = 'paint'
    doppler: Literal['skip', 'keep'] = 'skip'
    split_screens: Literal['skip', 'keep'] = 'skip'
    text_search: Literal['every frame', 'once per clip'] = 'every frame'
    report_pages: Literal['skip', 'keep'] = 'skip'
    implausible: Literal['keep', 'skip'] = 'keep'
    frames_per_second: float | None = 2.0
    frames_per_clip: int = 64
    similarity: float = 0.98
    max_pixels: int = 40_000_000
    min_side: int = 48
