"""What one file may take of time and memory: headers lie, by fault or by intent."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from usfm_mm.database.readers.clip import Frames
from usfm_mm.database.types import TOO_LONG, RejectedError

MAX_BYTES = 500_000_000
"""Of what is held in memory whole: an image file, a volume, an unpacked header."""

_DAMAGED_IN_A_ROW = 20


def check_bytes(count: int, what: str) -> None:
    """Refuse what would be held in memory whole.

    Raises:
        RejectedError: It has more than :data:`MAX_BYTES`.
    """
    if count > MAX_BYTES:
        raise RejectedError('too large', f'{what} of {count / 1e6:,.0f} MB')


def bounded(read: Callable[[int], Frames], seconds: float) -> Callable[[int], Frames]:
    """A clip's frames until 20 in a row are damaged.

    Args:
        read: See :class:`~usfm_mm.database.readers.clip.Clip`.
        seconds: Of the processor, for all that is done with the file from now on; 0: no limit.

    Raises:
        RejectedError: By the frames, when they take longer.
    """
    end = time.process_time() + seconds if seconds else float('inf')

    def frames(step: int) -> Frames:
        damaged = 0
        for number, pixels in read(step):
            if time.process_time() > end:
                raise RejectedError(TOO_LONG, limit_text(seconds))
            damaged = damaged + 1 if pixels is None else 0
            yield number, pixels
            if damaged == _DAMAGED_IN_A_ROW:
                return

    return frames


def limit_text(seconds: float) -> str:
    """What the list of rejected files says of the limit that applied."""
    return f'more than {seconds:g} s of the processor'


@contextmanager
def killed_after(seconds: float) -> Iterator[None]:
    """End this process when what is done within takes more than so much of the processor.

    For libraries that do not come back, in a process of their own: another one goes on. The time
    is in seconds; 0: no limit.
    """
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
