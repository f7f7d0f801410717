"""Several runs at once, each after what it needs."""

import os
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from usfm_mm.experiments.execution import execute
from usfm_mm.experiments.plan import Run
from usfm_mm.experiments.states import DONE, is_done

Tell = Callable[[Run, str], None]
Execute = Callable[[Run, threading.Event, dict[str, str] | None], str]
"""See :func:`~usfm_mm.experiments.execution.execute`."""


def run_all(
    runs: Sequence[Run],
    jobs: int = 1,
    gpus: Sequence[str] = (),
    tell: Tell = lambda *_: None,
    do: Execute = execute,
) -> None:
    """Do what is left of all runs; one that fails keeps only those back that start from it.

    Args:
        runs: In an order in which they can be done.
        jobs: Runs at once. On a CPU its cores are dealt out to them.
        gpus: Numbers of the GPUs to deal out; without any all runs see what we see.
        tell: Called with a run and 'begins', 'done', 'failed', 'cut' or, of one whose pre-training
            is missing, 'waits'.
        do: What does a run, here by default.

    Raises:
        BaseException: What stops us, once all that ran has been stopped.
    """
    stop = threading.Event()
    slots: queue.SimpleQueue[dict[str, str]] = queue.SimpleQueue()
    for number in range(jobs):
        slots.put(_variables(number, jobs, gpus))

    def work(run: Run) -> str:
        variables = slots.get()
        try:
            if not stop.is_set():
                tell(run, 'begins')
            return do(run, stop, variables)
        finally:
            slots.put(variables)

    waiting = [run for run in runs if not is_done(run)]
    missing = {run.folder for run in waiting}
    pool = ThreadPoolExecutor(jobs)
    going: dict[Future[str], Run] = {}
    try:
        while waiting or going:
            ready = [run for run in waiting if run.weights not in missing]
            for run in ready[: jobs - len(going)]:
                going[pool.submit(work, run)] = run
                waiting.remove(run)
            if not going:
                break
            for future in wait(going, return_when=FIRST_COMPLETED).done:
                run = going.pop(future)
                state = future.result()
                tell(run, state)
                if state == DONE:
                    missing.discard(run.folder)
        for run in waiting:
            tell(run, 'waits')
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


def _variables(number: int, jobs: int, gpus: Sequence[str]) -> dict[str, str]:
    """Environment of one of several runs at once.

    Example:
        >>> _variables(3, 4, ['0', '1'])
        {'CUDA_VISIBLE_DEVICES': '1'}
    """
    if gpus:
        return {'CUDA_VISIBLE_DEVICES': gpus[number % len(gpus)]}
    if jobs == 1 or 'OMP_NUM_THREADS' in os.environ:
        return {}
    return {'OMP_NUM_THREADS': str(max((os.cpu_count() or 1) // jobs, 1))}
