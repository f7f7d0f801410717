"""What is noted of a source file and of each image made of it."""

import json
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from usfm_mm.database.listing import SourceFile

COUNTS = ('frames', 'removed', 'doubts', 'fields', 'outlines')
"""Names of the counts of a :class:`FileRecord`."""


@dataclass
class ImageRecord:
    """One image of a file.

    Attributes:
        frame: Its frame's number in the file.
        name: Keyed hash of the pixels.
        phash: Perceptual hash.
        mean: Mean grey level.
        square: Mean of the squared grey levels.
        row_mm: Height of a pixel in mm, where the file tells.
        column_mm: Its width.
        pixels: uint8 [H, W] on the way to a packed store; None where the file is written already.
    """

    frame: int
    name: bytes
    phash: bytes
    organ: str
    center: str | None
    device: str | None
    patient: str | None
    study: str | None
    mean: float
    square: float
    row_mm: float | None = None
    column_mm: float | None = None
    pixels: np.ndarray | None = None


@dataclass
class FileRecord:
    """What became of a file.

    Attributes:
        file: The file.
        id: Keyed hash of its path.
        reason: Why it gave nothing, '' if it was read.
        detail: More about that.
        frames: Frames left out, by reason.
        removed: Images from which something was taken, by kind.
        doubts: Images that are kept, and that somebody should look at, by why.
        fields: Fields of the header and their fate: 'dropped: KEYWORD', 'hashed: …' or 'read by
            rules: …'.
        outlines: What became of a known scanner's outline: 'fitted: SCANNER' or 'did not fit: …'.
    """

    file: SourceFile
    id: bytes
    reason: str = ''
    detail: str = ''
    frames: Counter[str] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)
    doubts: Counter[str] = field(default_factory=Counter)
    fields: Counter[str] = field(default_factory=Counter)
    outlines: Counter[str] = field(default_factory=Counter)
    images: list[ImageRecord] = field(default_factory=list)

    @property
    def tally(self) -> str:
        """The counts as text; files of one kind share theirs."""
        counts = {name: dict(getattr(self, name)) for name in COUNTS}
        return json.dumps(counts, sort_keys=True)
