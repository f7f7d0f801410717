"""Reading in a process of its own, so that no file holds up or ends the page."""

import multiprocessing
import signal
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import cv2

from usfm_mm.database.readers.limits import (
    MAX_MEMORY,
    bounded_memory,
    killed_after,
    limit_text,
    stopped_after,
)
from usfm_mm.database.types import RejectedError
from usfm_mm.page.opened import Opened, open_picture

SECONDS = 40
"""Of the processor, that reading one file may take: as much as the database gives it."""


class Apart:
    """The process that reads, within ``with``; one that a file has ended is started anew.

    Args:
        seconds: Of the processor, for one file; what does not end by itself is killed after half
            as much again.
        clock: Seconds after which it is killed in any case, as it may wait for something.
    """

    def __init__(self, seconds: float = SECONDS, clock: float = 10 * SECONDS) -> None:
        self.seconds, self.clock = seconds, clock
        self._lock = threading.Lock()
        self._context = multiprocessing.get_context('spawn')
        self._start()

    def __enter__(self) -> 'Apart':
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()

    def open(self, path: str | Path, name: str) -> Opened:
        """As :func:`~usfm_mm.page.opened.open_picture`, within limits.

        Raises:
            ValueError: It cannot be read, is too long, or takes too much time or memory.
        """
        with self._lock:
            try:
                self._calls.send((str(path), name))
                if not self._calls.poll(self.clock):
                    raise EOFError
                answer = self._calls.recv()
            except (EOFError, OSError):
                self._process.kill()
                self._start()
                raise ValueError(
                    f'{name}: reader crashed: or took {limit_text(1.5 * self.seconds)}'
                ) from None
        if isinstance(answer, str):
            raise ValueError(answer)
        return answer

    def _start(self) -> None:
        self._calls, theirs = self._context.Pipe()
        self._process: Any = self._context.Process(
            target=_read, args=(theirs, self.seconds), daemon=True
        )
        self._process.start()
        theirs.close()  # so that its end is seen here


def _read(calls: Connection, seconds: float) -> None:
    """Answer each call with the opened file, or with what is wrong with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the page, which ends this
    cv2.setNumThreads(1)
    with suppress(EOFError, BrokenPipeError):  # the page has ended
        while True:
            path, name = calls.recv()
            calls.send(_opened(path, name, seconds))


def _opened(path: str, name: str, seconds: float) -> Opened | str:
    try:
        with killed_after(1.5 * seconds), bounded_memory(), stopped_after(seconds):
            return open_picture(path, name)
    except RejectedError as error:
        return f'{name}: {error}'
    except MemoryError:
        return f'{name}: too large: it takes more than {MAX_MEMORY / 1e6:,.0f} MB of memory'
    except (ValueError, OSError, ImportError) as error:
        return str(error)
    except Exception as error:  # a decoder's fault ends no page
        return f'{name}: reader failed: {type(error).__name__}: {error}'
