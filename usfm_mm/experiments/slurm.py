"""Runs as Slurm jobs: submitted, watched and, when their time is up, submitted again."""

import shutil
import signal
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from usfm_mm.experiments.execution import execute
from usfm_mm.experiments.plan import Run
from usfm_mm.experiments.scheduling import Execute
from usfm_mm.experiments.states import (
    CUT,
    FAILED,
    has_test,
    is_tested,
    planned,
    read_state,
    write_state,
)
from usfm_mm.io.optional import optional_import

OUT_OF_TIME = 'out of time'
"""What a job answers that was cut by its time limit: the next one goes on."""
WARNING = 120
"""Seconds before its end at which Slurm warns a job, by SIGUSR2."""

_OURS = ('array', 'error', 'nodes', 'ntasks', 'ntasks_per_node', 'open_mode', 'output', 'signal')
_POLL = 0.5  # seconds
_PATIENCE = 60.0  # seconds for a cancelled job to save; Slurm kills it after 30 by default


def sbatch_options(words: Sequence[str]) -> dict[str, str | bool]:
    """Options of ``sbatch``, by its own names.

    Args:
        words: As ``'partition=gpu'``, or ``'exclusive'`` for one without a value.

    Raises:
        ValueError: No time limit is given, or one of what we set ourselves.

    Example:
        >>> sbatch_options(['partition=gpu', 'time=8:00:00', 'gpus-per-node=1'])
        {'partition': 'gpu', 'time': '8:00:00', 'gpus_per_node': '1'}
    """
    options: dict[str, str | bool] = {}
    for word in words:
        name, given, value = word.partition('=')
        key = name.lstrip('-').replace('-', '_')
        if not key or (given and not value):
            raise ValueError(f'--slurm {word}: give KEY=VALUE, such as partition=gpu')
        if key in _OURS:
            raise ValueError(f'--slurm {word}: a run is one task of one job; {key} is set for it')
        options[key] = value if given else True
    if 'time' not in options:
        raise ValueError('--slurm needs the time limit of a job, such as time=600 (minutes)')
    return options


def slurm_executor(folder: Path, words: Sequence[str]) -> Any:
    """What submits functions as jobs.

    Args:
        folder: For scripts, pickled runs and outputs; all nodes see it.
        words: Of :func:`sbatch_options`.

    Raises:
        ValueError: Of :func:`sbatch_options`.
        ModuleNotFoundError: submitit is not installed.
        FileNotFoundError: There is no Slurm here.
    """
    options = sbatch_options(words)
    submitit = optional_import('submitit', '--slurm', 'usfm-mm[slurm]')
    if not (shutil.which('sbatch') and shutil.which('srun')):
        raise FileNotFoundError('--slurm: no sbatch and srun here; begin where jobs are submitted')
    executor = submitit.AutoExecutor(folder, cluster='slurm')
    cpus = options.get('cpus_per_task')
    executor.update_parameters(
        slurm_additional_parameters=dict(job_name='usfm', signal=f'USR2@{WARNING}') | options,
        # Since Slurm 22.05 srun does not take it from sbatch.
        slurm_srun_args=[f'--cpus-per-task={cpus}'] if cpus else [],
    )
    return executor


def slurm_jobs(executor: Any) -> Execute:
    """What does a run as :func:`~usfm_mm.experiments.execution.execute` does, but in a job.

    A job whose time was up is followed by another one as long as jobs get further.

    Args:
        executor: Of :func:`slurm_executor`, or another one of submitit.
    """
    lock = threading.Lock()  # what submitit knows of jobs is shared by all threads

    def done(job: Any) -> bool:
        with lock:
            return job.done()

    def one_job(run: Run, stop: threading.Event) -> str:
        try:
            with lock:
                job = executor.submit(in_job, run)
        except RuntimeError as error:  # submitit's, of what sbatch says
            return _note(run, FAILED, f'sbatch: {" ".join(str(error).split())}')
        while not done(job):
            if stop.wait(_POLL):
                job.cancel(check=False)  # SIGTERM: it saves a checkpoint
                end = time.monotonic() + _PATIENCE
                while not done(job) and time.monotonic() < end:
                    time.sleep(_POLL)
                return CUT
        try:
            return job.result()
        except RuntimeError:  # submitit's: killed, or an error before the run began
            told = f'job {job.job_id} ended without an answer: see {job.paths.stderr}'
            return _note(run, CUT, told)

    def do(run: Run, stop: threading.Event, environment: dict[str, str] | None = None) -> str:
        state = OUT_OF_TIME
        before: tuple[str, bool, int] | None = None
        while state == OUT_OF_TIME and not stop.is_set() and _reached(run) != before:
            before = _reached(run)
            state = one_job(run, stop)
        return CUT if state == OUT_OF_TIME else state

    return do


def in_job(run: Run) -> str:
    """Do what is left of a run, in a job's process; Slurm's signals stop it.

    Returns:
        The state at the end, or ``OUT_OF_TIME``.
    """
    stop, caught = threading.Event(), []

    def note(number: int, frame: Any) -> None:
        caught.append(number)
        stop.set()

    for number in (signal.SIGUSR2, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, note)  # in place of submitit's, which would end us at once
    # Slurm warns all processes of a job, and SIGUSR2 would kill a training. It inherits what its
    # starter's thread blocks; this one stays open for it.
    blocked = (signal.SIG_BLOCK, {signal.SIGUSR2})
    with ThreadPoolExecutor(1, initializer=signal.pthread_sigmask, initargs=blocked) as pool:
        state = pool.submit(execute, run, stop).result()
    return OUT_OF_TIME if state == CUT and caught[:1] == [signal.SIGUSR2] else state


def _reached(run: Run) -> tuple[str, bool, int]:
    """Which checkpoint a run has come to, whether it is tested, and how often with worse images."""
    pointer = run.folder / 'last_checkpoint'
    tests = sum(has_test(run.corrupted(each)) for each in run.corruptions)
    return pointer.read_text() if pointer.is_file() else '', is_tested(run), tests


def _note(run: Run, state: str, error: str) -> str:
    write_state(run, dict(read_state(run), state=state, command=planned(run), error=error))
    return state
