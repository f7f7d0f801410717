"""What one file may take of time and memory: headers lie, by fault or by intent."""

import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from usfm_mm.database.readers.clip import Frames
from usfm_mm.database.types import TOO_LONG, RejectedError

MAX_BYTES = 500_000_000
"""Of what is held in memory whole: an image file, a volume, an unpacked header."""

MAX_MEMORY = 1_200_000_000
"""Bytes that reading one file may take beside what the process has."""

_DAMAGED_IN_A_ROW = 20


class _TimeUp(BaseException):
    """No error that a reader may take for damage."""


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
def stopped_after(seconds: float, clock: bool = False) -> Iterator[None]:
    """Stop what is done within after so much of the processor, or of the clock; 0: no limit.

    In the main thread alone, and when a library that does not come back has come back.

    Raises:
        RejectedError: It took longer.
    """
    if not seconds or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise _TimeUp

    timer, number = signal.ITIMER_VIRTUAL, signal.SIGVTALRM
    if clock:
        timer, number = signal.ITIMER_REAL, signal.SIGALRM
    before = signal.signal(number, stop)
    signal.setitimer(timer, seconds)
    try:
        yield
    except _TimeUp:
        what = f'nothing came for {seconds:g} s' if clock else limit_text(seconds)
        raise RejectedError(TOO_LONG, what) from None
    finally:
        signal.setitimer(timer, 0)
        signal.signal(number, before)


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


@contextmanager
def bounded_memory(count: int = MAX_MEMORY) -> Iterator[None]:
    """Let this process take so many bytes more, and no others (Linux alone).

    Raises:
        MemoryError: From what asks for more; libraries may raise errors of their own, or end the
            process.
    """
    before = resource.getrlimit(resource.RLIMIT_DATA)
    try:
        pages = int(Path('/proc/self/statm').read_text().split()[5])
    except OSError:  # another system
        yield
        return
    limit = pages * resource.getpagesize() + count
    if before[0] != resource.RLIM_INFINITY:
        limit = min(limit, before[0])
    resource.setrlimit(resource.RLIMIT_DATA, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
