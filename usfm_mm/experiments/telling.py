"""A line for each run that begins or ends."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from usfm_mm.experiments.estimate import seconds_known, time_left
from usfm_mm.experiments.plan import Run
from usfm_mm.experiments.states import is_done, read_state

_ENDS = ('done', 'failed', 'cut')


class Progress:
    """Prints what becomes of the runs, and how long the others may take.

    Args:
        runs: All of them; those that are done by now are not counted.
        jobs: How many run at once.
        console: To print on, from any thread.
        others: Finished runs of the same experiment, whose times count too.
    """

    def __init__(
        self, runs: Sequence[Run], jobs: int, console: Console, others: Sequence[Run] = ()
    ) -> None:
        self._left = {run.folder: run for run in runs if not is_done(run)}
        self._total = len(self._left)
        self._alike = {run.folder: run for run in (*runs, *others)}
        self._begun: dict[Path, float] = {}
        self._jobs, self._console = jobs, console
        self._lock = threading.Lock()

    def __call__(self, run: Run, what: str) -> None:
        """Tell of one run, see :func:`~usfm_mm.experiments.scheduling.run_all`."""
        with self._lock:
            text = f'{what:<7} {run}: {run.folder}'
            if what == 'begins':
                self._begun[run.folder] = time.monotonic()
            if what in _ENDS:
                self._left.pop(run.folder, None)
                text = f'[{self._total - len(self._left)}/{self._total}] {text}'
                if self._left:
                    text += f'; left: {self._time_left()}'
            if what in ('failed', 'cut'):
                text += f'\n        {read_state(run).get("error", "")}'
            self._console.print(text, markup=False, soft_wrap=True, highlight=False)

    def _time_left(self) -> str:
        now = time.monotonic()
        spent = {folder: now - begun for folder, begun in self._begun.items()}
        known = seconds_known(list(self._alike.values()))
        return time_left(list(self._left.values()), known, self._jobs, spent)
