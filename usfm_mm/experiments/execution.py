"""Runs in processes of their own: what a person would type, resumed where it was cut."""

import fcntl
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import IO, Any

from usfm_mm.experiments import machine
from usfm_mm.experiments.calling import POLL, Cut, call
from usfm_mm.experiments.plan import CORRUPTED, KNN, PRETRAIN, Run
from usfm_mm.experiments.states import (
    CUT,
    DONE,
    FAILED,
    RUNNING,
    has_test,
    is_done,
    is_tested,
    planned,
    read_state,
    write_state,
)
from usfm_mm.experiments.unseen import write_unseen_lists
from usfm_mm.io.last_checkpoint import latest_checkpoint

USFM = (sys.executable, '-m', 'usfm_mm')
TRAIN_ONLY = ('--amp', '--auto-scale-lr')


def execute(run: Run, stop: threading.Event, environment: dict[str, str] | None = None) -> str:
    """Do what is left of a run; its output goes to ``log.txt``.

    A folder is worked in by one process at a time, whoever started it: a training that outlived
    its killed runner is waited for.

    Args:
        run: Whose pre-training, if it has one, is done.
        stop: Once set, what runs is stopped; it saves a checkpoint.
        environment: Variables for the processes, beside ours.

    Returns:
        The state at the end: 'done', 'failed' or 'cut'.
    """
    with ExitStack() as stack:
        run.folder.mkdir(parents=True, exist_ok=True)
        lock = stack.enter_context(open(run.folder / '.lock', 'w'))
        if not _locked(lock, stop):
            return CUT
        if is_done(run):
            return DONE
        tested = is_tested(run)
        told = dict(read_state(run), state=RUNNING, command=planned(run), error='', tested=tested)
        told |= dict(config=run.command[0], seed=run.seed)
        told |= _where(told)
        write_state(run, told)
        began = time.monotonic()
        log = stack.enter_context(open(run.folder / 'log.txt', 'a', encoding='utf-8'))
        try:
            if not tested and run.stage != PRETRAIN:
                shutil.rmtree(run.folder / CORRUPTED, ignore_errors=True)  # of an older model
            for command in () if tested else _main_steps(run):
                call(command(), log, lock, stop, environment or {})
            told['tested'] = run.stage != PRETRAIN
            write_state(run, told)  # whatever becomes of the tests with worse images
            for corruption in run.corruptions:
                if not has_test(run.corrupted(corruption)):
                    call(testing(run, corruption), log, lock, stop, environment or {})
            told['state'] = DONE
        except Cut as reason:
            told |= dict(state=CUT, error=str(reason))
        except (ChildProcessError, OSError, ValueError) as error:
            told |= dict(state=FAILED, error=str(error))
        told['seconds'] = round(told.get('seconds', 0) + time.monotonic() - began, 1)
        write_state(run, told)
        return told['state']


def _where(told: Mapping[str, Any]) -> dict[str, Any]:
    """Commit, device and versions, and under ``earlier`` those that the run was begun with."""
    here = dict(commit=machine.commit(), device=machine.device(), versions=machine.versions())
    before = {key: told[key] for key in here if key in told}
    earlier = list(told.get('earlier', []))
    if before and before != here and before not in earlier:
        earlier.append(before)
    return here | (dict(earlier=earlier) if earlier else {})


def _main_steps(run: Run) -> Iterator[Callable[[], list[str]]]:
    # A command is made when the one before it has ended.
    if run.task == KNN:
        yield lambda: neighbours(run)
        return
    yield lambda: training(run)
    if run.stage != PRETRAIN:
        yield lambda: testing(run, '')


def training(run: Run) -> list[str]:
    """Command line of the training.

    Raises:
        FileNotFoundError: The pre-training left no checkpoint.
    """
    words = [*USFM, 'train', run.command[0], '--resume', *run.command[1:]]
    return [*words, '--work-dir', str(run.folder), *_own(run)]


def neighbours(run: Run) -> list[str]:
    """Command line of k-NN on the features of an encoder that is not trained further.

    Raises:
        FileNotFoundError: The pre-training left no checkpoint.
    """
    words = [*USFM, 'knn', *run.command, '--cost']
    return [*words, '--work-dir', str(run.folder), *_own(run)]


def testing(run: Run, corruption: str) -> list[str]:
    """Command line of the test of the best checkpoint.

    Args:
        run: Whose training has ended.
        corruption: As ``'gain:3'``, for a test with worse images; empty for that of the images as
            they are.

    Raises:
        FileNotFoundError: There is none.
    """
    # A run that was killed early and begun anew may have left an older one.
    best = sorted(run.folder.glob('best_*.pth'), key=lambda path: path.stat().st_mtime)
    if not best:
        raise FileNotFoundError(f'{run.folder} has no best checkpoint: see log.txt there')
    given = [word for word in run.command[1:] if word not in TRAIN_ONLY]
    words = [*USFM, 'test', run.command[0], str(best[-1]), *given]
    words += ['--corrupt', corruption] if corruption else ['--cost']
    folder = run.corrupted(corruption) if corruption else run.folder
    return [*words, '--work-dir', str(folder), *_own(run)]


def _own(run: Run) -> list[str]:
    words = []
    if run.weights:
        found = latest_checkpoint(str(run.weights))
        if found is None:
            raise FileNotFoundError(f'{run.weights} has no checkpoint to start from')
        words += ['--weights', str(found)]
    if run.unseen:
        written = write_unseen_lists(run.unseen, all_lists(run), run.folder / 'lists')
        options = (f'{split}_dataloader.dataset.ann_file={file}' for split, file in written.items())
        words += ['--cfg-options', *options]
    elif run.percent != 100:
        share = share_list(run.command[0], run.percent)
        words += ['--cfg-options', f'train_dataloader.dataset.ann_file={share}']
    return words


def all_lists(run: Run) -> dict[str, str]:
    """Lists of a run's config under the data root, of its share of the training images too.

    Raises:
        ValueError: The config has none that name an image a line.
    """
    from usfm_mm.config.options import load_plain

    config = load_plain(run.command[0])
    found = {
        name: config[f'{name}_dataloader'].dataset.get('ann_file') or ''
        for name in ('train', 'val', 'test')
    }
    if not all(file.endswith('.txt') for file in found.values()):
        raise ValueError(f'unseen: is for lists of images, and {run.command[0]} has none')
    share = share_list(run.command[0], run.percent)
    return {**found, 'whole': found['train'], 'train': share}


@cache
def share_list(config: str, percent: int) -> str:
    """List of a share of the training images, as ``usfm prepare`` wrote it, under the data root.

    Args:
        config: As ``usfm train`` takes it.
        percent: 100 for the whole list.
    """
    from usfm_mm.config.options import load_plain

    whole = Path(load_plain(config).train_dataloader.dataset.ann_file)
    return str(whole if percent == 100 else whole.with_stem(f'{whole.stem}_{percent}'))


def _locked(lock: IO[str], stop: threading.Event) -> bool:
    """Wait for the lock; False where we are asked to stop."""
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return not stop.is_set()
        except BlockingIOError:
            if stop.wait(POLL):
                return False
