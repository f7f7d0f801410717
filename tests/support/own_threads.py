"""Count the threads of this process, those of C++ libraries too."""

import os
import time
from collections.abc import Callable
from pathlib import Path

COUNTABLE = Path('/proc/self/task').is_dir()


def count() -> int:
    """How many there are."""
    return len(os.listdir('/proc/self/task'))


def wait_until(wanted: Callable[[int], bool], seconds: float = 30) -> int:
    """Count when it is as wanted or time is up; a joined thread is listed a moment longer."""
    deadline = time.monotonic() + seconds
    while not wanted(count()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return count()
