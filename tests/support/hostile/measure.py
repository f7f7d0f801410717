"""What a file costs the process that reads it: each in a process of its own."""

import os
import pickle
import resource
import signal
import time
from pathlib import Path
from typing import NamedTuple

from usfm_mm.database.chunk import Job, crashed_file, process_file
from usfm_mm.database.identity import Identity
from usfm_mm.database.listing import walk
from usfm_mm.database.readers.limits import bounded_memory, killed_after
from usfm_mm.database.rules import Rules
from usfm_mm.database.types import Options


class Cost(NamedTuple):
    """What became of a file, and the most that reading it took.

    Attributes:
        seconds: Of the processor.
        clock: Seconds on the clock.
        memory: Highest resident memory in MB, of which the libraries take some.
    """

    reason: str
    detail: str
    images: int
    frames: dict
    seconds: float
    clock: float
    memory: float


def cost_of(path: Path, out: Path, seconds: float) -> list[Cost]:
    """Read what is at a path, in a folder that is the source, as a worker does, and measure it."""
    job = Job(Identity(b'k'), Rules((), ()), Options(), 256, out, parent=-1, seconds=seconds)
    # A source may be a link, which is followed; what is in it is not.
    found = (file for file in walk([path.parent]) if f'{file.path}/'.startswith(f'{path}/'))
    return [_measured(job, file) for file in found]


def _measured(job, file):
    receiver, sender = os.pipe()
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        os.close(receiver)
        try:
            with killed_after(job.kill), bounded_memory():
                record = process_file(job, file)
        except BaseException as error:
            record = error
        frames = dict(getattr(record, 'frames', {}))
        with open(sender, 'wb') as stream:
            about = (
                (record.reason, record.detail, len(record.images), frames)
                if hasattr(record, 'images')
                else ('error', repr(record), 0, {})
            )
            pickle.dump(about, stream)
        os._exit(0)
    os.close(sender)
    with open(receiver, 'rb') as stream:
        content = stream.read()
    _, status, usage = os.wait4(child, 0)
    if os.WIFSIGNALED(status):
        record = crashed_file(job, file)
        signal_name = signal.Signals(os.WTERMSIG(status)).name
        about = record.reason, f'{record.detail} ({signal_name})', 0, {}
    else:
        about = pickle.loads(content)
    return Cost(
        *about, usage.ru_utime + usage.ru_stime, time.monotonic() - start, usage.ru_maxrss / 1000
    )


def baseline() -> float:
    """Resident memory in MB of this process, which each reader begins with."""
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * resource.getpagesize() / 1e6
