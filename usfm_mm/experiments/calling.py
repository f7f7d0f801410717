"""A command of a run in a process of its own, stopped with its runner; why it failed."""

import os
import re
import shlex
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO

POLL = 0.05
"""Seconds between looks at what is waited for."""
_LINES = 6  # of an error, at most
_ERROR = re.compile(r'(usfm[\w -]*: )?error: ')  # ours and argparse's


class Cut(Exception):  # noqa: N818  (no error: somebody stopped it)
    """A process was stopped by a signal, or this one was asked to stop."""


def call(
    command: Sequence[str],
    log: IO[str],
    lock: IO[str],
    stop: threading.Event,
    environment: dict[str, str],
) -> None:
    """Run a command, which is stopped with us.

    Raises:
        Cut: It was stopped.
        ChildProcessError: It failed.
    """
    if stop.is_set():
        raise Cut('stopped')
    print(shlex.join(command), file=log, flush=True)
    said = Path(log.name).stat().st_size
    # The process holds the lock too: it keeps others away if we are killed and it goes on.
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        pass_fds=[lock.fileno()],
        env={**os.environ, **environment},
        start_new_session=True,  # Ctrl-C reaches it through us, once
    ) as process:
        while process.poll() is None:
            if stop.wait(POLL):
                process.terminate()  # it saves a checkpoint
                process.wait()
                raise Cut('stopped')
    if process.returncode < 0 or process.returncode in (130, 143):
        raise Cut(f'{shlex.join(command[:4])} was stopped by a signal: see {log.name}')
    if process.returncode:
        raise ChildProcessError(f'{error_since(Path(log.name), said)} (see {log.name})')


def error_since(log: Path, start: int) -> str:
    """The last error that a command told, with its lines below, or else the last line it wrote."""
    lines = log.read_bytes()[start:].decode(errors='replace').rstrip().splitlines()
    begins = [number for number, line in enumerate(lines) if _ERROR.match(line)]
    told = lines[begins[-1] :][:_LINES] if begins else lines[-1:]
    text = ' '.join(line.strip() for line in told)
    return _ERROR.sub('', text) or 'it said nothing'
