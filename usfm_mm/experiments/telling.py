"""A line for each run that begins or ends."""

import threading
import time
from collections.abc import Sequence

from rich.console import Console

from usfm_mm.experiments.estimate import duration
from usfm_mm.experiments.plan import Run
from usfm_mm.experiments.states import is_done, read_state

_ENDS = ('done', 'failed', 'cut')


class Progress:
    """Prints what becomes of the runs, and how long the others may take.

    Args:
        runs: All of them; those that are done by now are not counted.
        console: To print on, from any thread.
    """

    def __init__(self, runs: Sequence[Run], console: Console) -> None:
        self._total = sum(not is_done(run) for run in runs)
        self._ended = 0
        self._console, self._began = console, time.monotonic()
        self._lock = threading.Lock()

    def __call__(self, run: Run, what: str) -> None:
        """Tell of one run, see :func:`~usfm_mm.experiments.scheduling.run_all`."""
        with self._lock:
            text = f'{what:<7} {run}: {run.folder}'
            if what in _ENDS:
                self._ended += 1
                spent = time.monotonic() - self._began
                left = spent / self._ended * (self._total - self._ended)
                text = f'[{self._ended}/{self._total}] {text}'
                if self._ended < self._total:
                    text += f', about {duration(left)} left'
            if what in ('failed', 'cut'):
                text += f'\n        {read_state(run).get("error", "")}'
            self._console.print(text, markup=False, soft_wrap=True, highlight=False)
