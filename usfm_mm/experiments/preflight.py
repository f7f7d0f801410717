"""What can be wrong with an experiment before anything runs."""

from collections.abc import Sequence
from pathlib import Path

from usfm_mm.experiments.execution import all_lists, share_list
from usfm_mm.experiments.plan import Experiment, Run
from usfm_mm.experiments.states import check_unchanged
from usfm_mm.experiments.unseen import unseen_lists


def check_runs(experiment: Experiment, runs: Sequence[Run]) -> list[str]:
    """See that data and lists are there and that folders are those of this experiment.

    Returns:
        What a person should know before the runs begin.

    Raises:
        FileNotFoundError: Data or lists are missing.
        ValueError: A folder was made by another command, or what is unseen cannot be told apart.
    """
    missing = missing_files(experiment, runs)
    if missing:
        raise FileNotFoundError(missing[0])
    told = unknown_images(runs)
    for run in runs:
        check_unchanged(run)
    return told


def unknown_images(runs: Sequence[Run]) -> list[str]:
    """A sentence for each data set with ``unseen`` of whose images some have no value.

    Raises:
        FileNotFoundError: As :func:`~usfm_mm.experiments.unseen.unseen_lists`.
        ValueError: Likewise, of any share of any method.
    """
    found = {}
    for case, run in {(run.data, run.percent, run.command[0]): run for run in runs}.items():
        if run.unseen:
            left = len(unseen_lists(run.unseen, all_lists(run))['left_out'])
            index = run.unseen.root / 'index.csv'
            found[case[0]] = left and (
                f'{run.data}: {left} image(s) neither trained on nor tested: {index} has no '
                f'{run.unseen.column} of them'
            )
    return [sentence for sentence in found.values() if sentence]


def _weights(run: Run) -> list[str]:
    """Files that ``--weights`` of a command names, addresses left out."""
    words = run.command
    named = [words[place + 1] for place, word in enumerate(words[:-1]) if word == '--weights']
    return [file for file in named if '://' not in file]


def missing_files(experiment: Experiment, runs: Sequence[Run]) -> list[str]:
    """A sentence for each data root, list and file of weights that is not there."""
    found = {}
    for run in runs:
        if not run.data:
            continue
        root = Path(experiment.data[run.data].root)
        if not root.is_dir():
            found[root] = f'{root}: no such folder; "usfm prepare" makes data ready'
            continue
        for file in map(Path, _weights(run)):
            if not file.is_file():
                found[file] = f'{file}: no such weights of {run.method}'
        share = root / share_list(run.command[0], run.percent)
        if not share.is_file():
            found[share] = f'{share}: no list of {run.percent} %'
    return list(found.values())
