"""SIGTERM and Ctrl-C, of which neither a run nor its data workers die at once."""

import os
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from types import FrameType

from torch.utils.data import DataLoader

# Launchers pass Ctrl-C on to processes that the terminal has sent it to: not a second one yet.
_SECOND_CTRL_C = 3.0  # seconds after the first


class StopSignals:
    """Notes SIGTERM (Slurm's time limit, ``kill``, ``timeout``) and Ctrl-C.

    A second Ctrl-C, three seconds after the first or later, interrupts as usual.

    Attributes:
        received: Number of the signal; 0 for none.
    """

    received = 0

    def listen(self) -> None:
        """Note signals from now on; to be called in the main thread."""
        self.received = 0
        self._former = {
            number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)
        }

    def leave(self) -> None:
        """Give the signals back to who handled them before."""
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if not self.received:
            self.received, self._since = number, time.monotonic()
            if number == signal.SIGINT:  # not by print, in the midst of which this may be
                os.write(2, b'\nSaving after this iteration; Ctrl-C again stops at once.\n')
        elif number == signal.SIGINT and time.monotonic() - self._since > _SECOND_CTRL_C:
            raise KeyboardInterrupt


def shield_workers(loader: DataLoader) -> None:
    """Let a loader's workers, not started yet, end by their own process's will alone.

    A terminal and ``timeout`` signal the whole process group, Slurm all processes: without its
    workers, a run could not finish the iteration that it is in.
    """
    init = loader.worker_init_fn
    if loader.num_workers and getattr(init, 'func', None) is not _shielded:
        loader.worker_init_fn = partial(_shielded, init)


def _shielded(init: Callable[[int], None] | None, worker_id: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, 'sigwaitinfo'):  # not on macOS
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_end_by_parent, daemon=True).start()
    if init is not None:
        init(worker_id)


def _end_by_parent() -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != os.getppid():
        pass
    os._exit(0)
