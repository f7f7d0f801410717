"""What can be wrong with an experiment before anything runs."""

import io
import itertools
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any

from usfm_mm.config.parser import knn_parser, train_parser
from usfm_mm.config.weights import start_files
from usfm_mm.experiments.execution import all_lists, share_list
from usfm_mm.experiments.outcomes import patients_of
from usfm_mm.experiments.plan import KNN, Experiment, Run
from usfm_mm.experiments.states import check_unchanged, is_done
from usfm_mm.experiments.unseen import unseen_lists
from usfm_mm.io.index import has_index


def check_runs(experiment: Experiment, runs: Sequence[Run]) -> list[str]:
    """See that data and lists are there, commands make sense and folders are this experiment's.

    Returns:
        What a person should know before the runs begin.

    Raises:
        FileNotFoundError: Data, lists or weights are missing.
        ValueError: A command has an option that is unknown or does not fit, a folder was made by
            another command, what is unseen cannot be told apart, a table of patients has no
            paths, or a sweep would choose by the test's images.
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
    check_commands([run for run in runs if not is_done(run)])
    return told


def check_commands(runs: Sequence[Run]) -> None:
    """See that what ``usfm train`` or ``usfm knn`` will be given makes a config, each once.

    Raises:
        ValueError: An option is unknown or does not fit; the message names the run.
    """
    from usfm_mm.config.options import load_config

    for run in _of_one_seed(runs):
        parser = knn_parser() if run.task == KNN else train_parser()
        said = io.StringIO()
        try:
            with redirect_stdout(io.StringIO()), redirect_stderr(said):  # also what was taken over
                args = parser.parse_args(run.command)
                if not (run.weights and args.encoder):  # a ViT's sizes are those of its file
                    load_config(args)
        except SystemExit as error:
            what = said.getvalue().strip().rpartition('error: ')[2]
            raise ValueError(f'{run}: {what}') from error
        except (KeyError, ValueError, FileNotFoundError) as error:
            told = error.args[0] if isinstance(error, KeyError) else error  # without its quotes
            raise ValueError(f'{run}: {told}') from error


def _of_one_seed(runs: Sequence[Run]) -> list[Run]:
    """The first run of each command, whatever its seed."""
    found: dict[tuple[str, ...], Run] = {}
    for run in runs:
        words = (word for word in run.command if not word.startswith('randomness.seed='))
        found.setdefault((run.task, *words), run)
    return list(found.values())


def check_choice(runs: Sequence[Run]) -> None:
    """See that a sweep chooses by validation images that are not tested on, and by the highest.

    Raises:
        ValueError: A config, or an option beside it, validates on the list of its test, or takes
            the lowest value for the best.
    """
    from usfm_mm.config.options import load_plain

    trained = [run for run in runs if run.data and run.task != KNN]
    for run in _of_one_seed(trained):
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
        best, rule = (value(f'default_hooks.checkpoint.{key}') for key in ('save_best', 'rule'))
        if 'less' in rule or (not rule and 'loss' in best):  # as mmengine guesses
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
    """Files that ``--weights`` of a command names, else its config; addresses left out."""
    named = list(_values(run, '--weights'))
    others = ('--encoder', 'init_cfg')
    if not (named or run.weights or any(part in word for word in run.command for part in others)):
        named = list(_own_weights(run.command[0]))
    return [file for file in named if '://' not in file]


def _values(run: Run, option: str) -> Iterator[str]:
    return (after for word, after in itertools.pairwise(run.command) if word == option)


@cache
def _own_weights(config: str) -> tuple[str, ...]:
    from usfm_mm.config.options import load_plain

    return tuple(file for _, file in start_files(load_plain(config)))


def _missing_images(run: Run) -> str:
    """A sentence where the images of a pre-training, or their index, are not there."""
    from usfm_mm.config.options import load_plain

    cfg = load_plain(run.command[0])
    dataset = cfg.train_dataloader.dataset
    *_, root = (cfg.get('data_root') or '.', *_values(run, '--data-root'))
    if not Path(root).is_dir():
        return f'{root}: no such folder; "usfm index" makes data ready'
    elsewhere = dataset.get('index') or any('.dataset.index=' in word for word in run.command)
    if dataset.type == 'usfm_mm.UltrasoundDataset' and not elsewhere and not has_index(Path(root)):
        return f'{root}: no index; "usfm index {root}" writes one'
    return ''


def missing_files(experiment: Experiment, runs: Sequence[Run]) -> list[str]:
    """A sentence for each data root, index, list and file of weights that is not there."""
    found = []
    for run in runs:
        for file in map(Path, _weights(run)):
            if not file.is_file() and not is_done(run):
                found.append(f'{file}: no such weights of {run.method}')
        if not run.data:
            found.append(_missing_images(run))
            continue
        root = Path(experiment.data[run.data].root)
        share = root / share_list(run.command[0], run.percent)
        if not root.is_dir():
            found.append(f'{root}: no such folder; "usfm prepare" makes data ready')
        elif not share.is_file():
            found.append(f'{share}: no list of {run.percent} %')
    return [sentence for sentence in dict.fromkeys(found) if sentence]
