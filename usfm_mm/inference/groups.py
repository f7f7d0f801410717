"""Files in groups that go through the network together, whatever was done before.

Which frames share a batch depends on nothing but the list of files, so that a run that was cut off
and goes on has the very numbers of one that was not; of a group in which one file is missing, all
are made again.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from usfm_mm.inference.frames import Frame, frames_of


@dataclass
class Problems:
    """What could not be read, told by the thread that reads.

    Attributes:
        files: Reason by source.
        frames: Reason by source and number of the frame.
    """

    files: dict[str, str] = field(default_factory=dict)
    frames: dict[str, dict[int, str]] = field(default_factory=dict)

    def __call__(self, source: str, number: int | None, reason: str) -> None:
        """Note one; see :data:`usfm_mm.inference.frames.Report`."""
        if number is None:
            self.files[source] = reason
        else:
            self.frames.setdefault(source, {})[number] = reason


def groups_to_do(
    files: Sequence[Path], size: int, is_done: Callable[[Path], bool], problems: Problems
) -> list[list[Path]]:
    """Groups of ``size`` files in which one can be read and is not done."""
    groups = [list(files[start : start + size]) for start in range(0, len(files), size)]
    return [group for group in groups if _is_missing(group, is_done, problems)]


def _is_missing(group: list[Path], is_done: Callable[[Path], bool], problems: Problems) -> bool:
    missing = [file for file in group if not is_done(file)]
    if len(missing) == len(group):
        return True
    for file in missing:
        if next(frames_of(file, problems), None) is not None:
            problems.frames.pop(str(file), None)
            return True
        problems.files.setdefault(str(file), 'no frame can be read')
    return False


def read_groups(
    groups: list[list[Path]], problems: Problems, bits: int | None = None
) -> Iterator[tuple[int, Frame]]:
    """Frames with the number of their group; bits as in :func:`frames_of`."""
    for number, group in enumerate(groups):
        for file in group:
            try:
                for frame in frames_of(file, problems, bits):
                    yield number, frame
            except OSError as error:  # it has gone meanwhile
                problems(str(file), None, str(error))
