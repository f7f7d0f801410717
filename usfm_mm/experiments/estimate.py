"""What is to be run, and how long it may take by what has been run."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from usfm_mm.experiments.plan import Experiment, Run
from usfm_mm.experiments.preflight import missing_files
from usfm_mm.experiments.states import DONE, is_done, read_state

Known = dict[tuple, list[tuple[float, float]]]


def seconds_known(runs: Sequence[Run]) -> Known:
    """Seconds of finished runs, and their lengths: the share of the labels times the epochs."""
    known: Known = {}
    for run in runs:
        if is_done(run):
            took = read_state(run).get('seconds', 0), _length(run)
            for key in _keys(run):
                known.setdefault(key, []).append(took)
    return known


def estimate(run: Run, known: Known) -> float | None:
    """Seconds that a run may take, by its finished likes; None where there are none.

    Those of the same method and data count, else those of the same data, or of pre-training; in
    proportion of the labels and of the epochs. Where one run names its epochs and the other leaves
    them to its config, they are not alike.
    """
    for key in _keys(run):
        if key in known:
            seconds, lengths = zip(*known[key], strict=True)  # long ones count more
            return sum(seconds) / sum(lengths) * _length(run)
    return None


def _keys(run: Run) -> tuple[tuple, tuple]:
    named = _epochs(run) is not None
    return (run.stage, run.data, named, run.method), (run.stage, run.data, named)


def _length(run: Run) -> float:
    return run.percent / 100 * (_epochs(run) or 1)


def _epochs(run: Run) -> int | None:
    """Epochs that a command names; a key of the config wins over the option."""
    words = [part for word in run.command for part in word.split('=', 1)]
    named = {word: value for word, value in itertools.pairwise(words) if value.isdigit()}
    epochs = named.get('train_cfg.max_epochs', named.get('--epochs'))
    return int(epochs) if epochs else None


def time_left(
    runs: Sequence[Run], known: Known, jobs: int, spent: Mapping[Path, float] | None = None
) -> str:
    """How long runs that are not done may take, for a person.

    Args:
        runs: All that is left.
        known: Seconds of finished runs.
        jobs: Runs at once.
        spent: Seconds that those which are going have run, by folder.

    Returns:
        ``'about 20 min'``, maybe with ``' and 3 runs that none was like yet'``.
    """
    found = [(run, estimate(run, known)) for run in runs]
    left = [max(each - (spent or {}).get(run.folder, 0), 0) for run, each in found if each]
    unknown = sum(seconds is None for _, seconds in found)
    told = [] if unknown and not left else [f'about {_until(left, jobs)}']
    if unknown:
        told.append(f'{unknown} run(s) that none was like yet')
    return ' and '.join(told)


def _until(left: Sequence[float], jobs: int) -> str:
    return duration(max(sum(left) / jobs, *left, 0))


def show_plan(
    experiment: Experiment, runs: Sequence[Run], known: Known, jobs: int, console: Console
) -> None:
    """Print every run with its state, and what is left in all."""
    for run in runs:
        state, told = read_state(run)['state'], ''
        if state != DONE:
            seconds = estimate(run, known)
            told = '' if seconds is None else f', about {duration(seconds)}'
        _say(console, f'{state:<8} {run}{told}: {run.folder}')
    for sentence in missing_files(experiment, runs):
        _say(console, f'missing  {sentence}')
    trainings = sum(not run.data for run in runs)
    left = [run for run in runs if not is_done(run)]
    _say(
        console,
        f'{experiment.title}: {len(runs)} runs, {trainings} of them pre-training, '
        f'{len(runs) - len(left)} done. Left: {time_left(left, known, jobs)} by what finished '
        f'runs took, with --jobs {jobs}',
    )


def duration(seconds: float) -> str:
    """Seconds for a person.

    Example:
        >>> duration(59), duration(125), duration(3 * 3600 + 120)
        ('59 s', '3 min', '3.0 h')
    """
    if seconds < 60:
        return f'{seconds:.0f} s'
    return f'{-(-seconds // 60):.0f} min' if seconds < 3600 else f'{seconds / 3600:.1f} h'


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
