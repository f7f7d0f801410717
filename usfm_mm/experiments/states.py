"""What is known of a run: ``run.json`` in its folder."""

import json
import shlex
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from usfm_mm.experiments.plan import PRETRAIN, Run
from usfm_mm.io.atomic import write_atomic

OPEN = 'open'
RUNNING = 'running'
DONE = 'done'
FAILED = 'failed'
CUT = 'cut'
"""States: not begun; begun and not ended, or its runner was killed; ended well; ended with an
error; stopped by a signal. All but done ones run when the experiment is started again."""

_NAME = 'run.json'


def read_state(run: Run) -> dict[str, Any]:
    """What ``run.json`` tells, with ``state``; a run that was not begun is 'open'."""
    with suppress(OSError, ValueError):
        return json.loads((run.folder / _NAME).read_text(encoding='utf-8'))
    return dict(state=OPEN)


def write_state(run: Run, told: dict[str, Any]) -> None:
    """Write ``run.json``, whole or not at all."""
    run.folder.mkdir(parents=True, exist_ok=True)
    write_atomic(run.folder / _NAME, json.dumps(told, indent=2).encode())


def is_done(run: Run) -> bool:
    """Whether there is nothing left to run; the files of the results must be there too."""
    if read_state(run)['state'] != DONE:
        return False
    if run.stage == PRETRAIN:
        return (run.folder / 'last_checkpoint').is_file()
    tests = [run.corrupted(corruption) for corruption in run.corruptions]
    return run.summary.is_file() and all(has_test(folder) for folder in tests)


def is_tested(run: Run) -> bool:
    """Whether the test on the images as they are has ended; those on worse ones may be left."""
    told = read_state(run)
    return (told['state'] == DONE or bool(told.get('tested'))) and run.summary.is_file()


def has_test(folder: Path) -> bool:
    """Whether a test with worse images has ended."""
    return (folder / 'test' / 'summary.json').is_file()


def planned(run: Run) -> str:
    """The command as planned, with a pre-training as its folder and what is unseen as a column."""
    weights = ['--weights', str(run.weights)] if run.weights else []
    unseen = ['--unseen', f'{run.unseen.column}={run.unseen.value}'] if run.unseen else []
    return shlex.join([*run.command, *weights, *unseen])


def check_unchanged(run: Run) -> None:
    """Refuse to take the results of another command for those of this one.

    Raises:
        ValueError: The run's folder was made by another command.
    """
    files = run.folder.iterdir() if run.folder.exists() else ()
    if all(path.name.startswith('.') for path in files):  # the lock, or a file half written
        return
    before = read_state(run).get('command')
    if before != planned(run):
        _refuse(run, before)


def check_same_options(run: Run) -> None:
    """Refuse to tabulate the results of another command, wherever it was run.

    Unlike :func:`check_unchanged` of what was begun alone, and without the folder of the
    pre-training, which another machine may have elsewhere.

    Raises:
        ValueError: The run's folder was made by another command.
    """
    before = read_state(run).get('command')
    if before is not None and _apart(before, run) != _apart(planned(run), run):
        _refuse(run, before)


def _apart(command: str, run: Run) -> list[str]:
    words = shlex.split(command)
    if run.weights and '--weights' in words:
        words[words.index('--weights') + 1] = ''
    return words


def _refuse(run: Run, before: str | None) -> NoReturn:
    raise ValueError(
        f'{run.folder} was made with other options ({before or "unknown ones"}): give the '
        'same, name another --work-dir, or remove it'
    )
