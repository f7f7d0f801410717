"""What can be wrong with an experiment before anything runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from usfm_mm.experiments.execution import all_lists, share_list
from usfm_mm.experiments.outcomes import patients_of
from usfm_mm.experiments.plan import KNN, Experiment, Run
from usfm_mm.experiments.states import check_unchanged
from usfm_mm.experiments.unseen import unseen_lists


def check_runs(experiment: Experiment, runs: Sequence[Run]) -> list[str]:
    """See that data and lists are there and that folders are those of this experiment.

    Returns:
        What a person should know before the runs begin.

    Raises:
        FileNotFoundError: Data or lists are missing.
        ValueError: A folder was made by another command, what is unseen cannot be told apart, a
            table of patients has no paths, or a sweep would choose by the test's images.
    """
    missing = missing_files(experiment, runs)
    if missing:
        raise FileNotFoundError(missing[0])
    if experiment.sweep:
        check_choice(runs)
    told = unknown_images(runs)
    for data in experiment.data.values():
        patients_of(Path(data.root), ())  # of the report, which has to read them
    for run in runs:
        check_unchanged(run)
    return told


def check_choice(runs: Sequence[Run]) -> None:
    """See that a sweep chooses by validation images that are not tested on, and by the highest.

    Raises:
        ValueError: A config, or an option beside it, validates on the list of its test, or takes
            the lowest value for the best.
    """
    from usfm_mm.config.options import load_plain

    for run in {run.command: run for run in runs if run.data and run.task != KNN}.values():
        cfg = load_plain(run.command[0])
        told = dict(word.partition('=')[::2] for word in run.command)

        def value(key: str, cfg: Any = cfg, told: dict[str, str] = told) -> str:
            own: Any = cfg
            for part in key.split('.'):
                own = (own or {}).get(part)
            return told.get(key, own or '')

        lists = [value(f'{part}_dataloader.dataset.ann_file') for part in ('val', 'test')]
        if lists[0] and lists[0] == lists[1]:
            raise ValueError(
                f'{run}: {lists[0]} is the list of validation and of test: a sweep, which chooses '
                'by validation, needs images of its own for it'
            )
        if value('default_hooks.checkpoint.rule') == 'less':
            raise ValueError(
                f'{run}: a sweep reads the best checkpoint as that of the highest value: save it '
                'by such a measure (default_hooks.checkpoint.rule=greater)'
            )


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
