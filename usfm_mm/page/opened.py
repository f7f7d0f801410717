"""A file that was dropped on the page, as frames in memory."""

from dataclasses import dataclass, replace
from pathlib import Path

from usfm_mm.inference.frames import Frame, frames_of

MAX_FRAMES = 1000
MAX_BYTES = 400_000_000  # of pixels, about nine seconds of a clip of 800 x 600 in colour


@dataclass(frozen=True)
class Opened:
    """What a file holds.

    Attributes:
        name: Of the file, without its folder.
        frames: At least one; their source is the name.
        problems: What could not be read, one line each, as ``usfm predict`` tells it.
    """

    name: str
    frames: list[Frame]
    problems: list[str]


def open_picture(path: str | Path, name: str | None = None) -> Opened:
    """Read all frames of a file, so that the file is not needed any more.

    Args:
        path: Image, DICOM file, clip or volume.
        name: What the file is called; by default as on the disk.

    Raises:
        ValueError: It cannot be read, or is too long to be held in memory.
    """
    called = Path(path).name if name is None else name
    problems: list[str] = []

    def report(_: str, number: int | None, reason: str) -> None:
        where = called if number is None else f'{called}, frame {number}'
        problems.append(f'{where}: {reason}')

    frames, size = [], 0
    for frame in frames_of(Path(path), report):
        frames.append(replace(frame, source=called))
        size += frame.pixels.nbytes
        if len(frames) > MAX_FRAMES or size > MAX_BYTES:
            raise ValueError(
                f'{called} is too long for the page, which takes {MAX_FRAMES} frames or '
                f'{MAX_BYTES // 10**6} MB of pixels: usfm predict takes clips of any length'
            )
    if not frames:
        raise ValueError(problems[0] if problems else f'{called}: no frame can be read')
    return Opened(called, frames, problems)


def frame_at(opened: Opened, position: int) -> Frame:
    """The frame at a position from 0; the last one where there are fewer."""
    return opened.frames[min(max(int(position), 0), len(opened.frames) - 1)]
