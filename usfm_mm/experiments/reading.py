"""Experiments as plain YAML: docs/experiments.md tells the keys."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from usfm_mm.config.files import config_root, find_config
from usfm_mm.converters.corruption import SEVERITIES
from usfm_mm.experiments.checking import ExperimentError, known, mapping
from usfm_mm.experiments.plan import PRETRAIN, Data, Experiment, Method
from usfm_mm.experiments.sweep_reading import with_sweep
from usfm_mm.experiments.unseen import Unseen

_KEYS = (
    'title',
    'note',
    'about',
    'seeds',
    'percent',
    'pretraining',
    'data',
    'options',
    'methods',
    'robustness',
    'sweep',
)
_DATA_KEYS = ('task', 'root', 'paper', 'unseen', 'options')
_PRETRAINED = 'pretrained'
_ENCODER = ('encoder', 'weights')


def find_experiment(name: str) -> Path:
    """File of an experiment.

    Args:
        name: A path, or the name of one of the package, such as ``'table2'``.

    Raises:
        FileNotFoundError: There is none; those of the package are listed.
    """
    if Path(name).is_file():
        return Path(name)
    folder = config_root() / 'experiments'
    path = folder / f'{name}.yaml'
    if not path.is_file():
        there = ', '.join(sorted(file.stem for file in folder.glob('*.yaml')))
        raise FileNotFoundError(f'{name}: no such experiment; there are {there}')
    return path


def read_experiment(path: Path) -> Experiment:
    """Read and check an experiment.

    Raises:
        ExperimentError: It is not YAML, a key is unknown or lacks what it needs.
        FileNotFoundError: A config of it does not exist.
        OSError: The file cannot be read.
    """
    import yaml  # comes with OpenMMLab's packages

    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ExperimentError(f'{path} is not YAML: {error}') from error
    try:
        return make_experiment(path.stem, content)
    except ExperimentError as error:
        raise ExperimentError(f'{path}: {error}') from error


def with_seeds(experiment: Experiment, seeds: Sequence[int] | None) -> Experiment:
    """A part of an experiment, as one machine of several may run it.

    Args:
        experiment: The whole.
        seeds: Those to keep, which its note tells then; None for all.

    Raises:
        ExperimentError: The experiment has no such seed.
    """
    known('--seeds', seeds or (), experiment.seeds)
    kept = tuple(seed for seed in experiment.seeds if seeds is None or seed in seeds)
    if kept == experiment.seeds:
        return experiment
    told, all_ = (', '.join(map(str, part)) for part in (kept, experiment.seeds))
    note = f'{experiment.note} A part: seeds {told} of {all_}.'.lstrip()
    return replace(experiment, seeds=kept, note=note)


def make_experiment(name: str, content: Any) -> Experiment:
    """Check what a file holds.

    Raises:
        ExperimentError: A key is unknown or lacks what it needs.
        FileNotFoundError: A config does not exist.
    """
    content = mapping('the file', content)
    known('key', content, _KEYS)
    sections = {key: mapping(key, content.get(key)) for key in ('data', 'methods')}
    pretraining = mapping('pretraining', content.get('pretraining') or {})
    options = mapping('options', content.get('options') or {})
    data = {key: _data(key, value) for key, value in sections['data'].items()}
    tasks = sorted({of.task for of in data.values()})
    known('options', options, (PRETRAIN, *tasks))
    common = {task: _split(f'options, {task}', text) for task, text in options.items()}
    methods = {
        key: _method(key, value, pretraining, tasks) for key, value in sections['methods'].items()
    }
    _check_runs(data, methods)
    about = str(content.get('about', ''))
    if about:
        known('about', [about], tuple(methods))
    experiment = Experiment(
        name,
        str(content.get('title', name)),
        _numbers('seeds', content.get('seeds', [0]), 0, 2**32 - 1),
        _numbers('percent', content.get('percent', [100]), 1, 100),
        data,
        methods,
        {
            key: (*_pretraining(key, text), *common.get(PRETRAIN, ()))
            for key, text in pretraining.items()
        },
        common,
        str(content.get('note', '')),
        about,
        _numbers('robustness', content['robustness'], 1, SEVERITIES)
        if 'robustness' in content
        else (),
    )
    return with_sweep(experiment, content['sweep']) if 'sweep' in content else experiment


def _data(name: str, value: Any) -> Data:
    where = f'data, {name}'
    entry = mapping(where, value)
    known(where, entry, _DATA_KEYS)
    _check_folder(where, name)
    if name == PRETRAIN:
        raise ExperimentError(f'{where}: this name is taken by the folder of pre-training')
    if not entry.get('task') or not entry.get('root'):
        raise ExperimentError(f'{where} needs a "task" and a "root"')
    root, unseen = str(entry['root']), None
    if 'unseen' in entry:
        told = mapping(f'{where}, unseen', entry['unseen'])
        if len(told) != 1:
            raise ExperimentError(f'{where}, unseen: give one column with a value, "center: B"')
        unseen = Unseen(Path(root), *(str(part) for part in next(iter(told.items()))))
    options = _split(f'{where}, options', entry.get('options'))
    return Data(str(entry['task']), root, str(entry.get('paper', '')), unseen, options)


def _method(name: str, value: Any, pretraining: Mapping, tasks: Sequence[str]) -> Method:
    where = f'methods, {name}'
    entry = mapping(where, value)
    _check_folder(where, name)
    known(where, entry, (_PRETRAINED, *_ENCODER, *tasks))
    start = entry.get(_PRETRAINED) or ''
    if start:
        known(f'{where}, {_PRETRAINED}', [start], tuple(pretraining))
    own = [word for key in _ENCODER if entry.get(key) for word in (f'--{key}', str(entry[key]))]
    if start and own:
        raise ExperimentError(f'{where} starts from {start} and names {own[0]}: leave out one')
    commands = {
        task: (*_words(f'{where}, {task}', text), *own)
        for task, text in entry.items()
        if task not in (_PRETRAINED, *_ENCODER)
    }
    if not commands:
        raise ExperimentError(f'{where} needs a config for one of {", ".join(tasks)}')
    return Method(commands, str(start))


def _pretraining(name: str, text: Any) -> tuple[str, ...]:
    _check_folder(f'pretraining, {name}', name)
    return _words(f'pretraining, {name}', text)


def _check_runs(data: Mapping[str, Data], methods: Mapping[str, Method]) -> None:
    for name, of in data.items():
        if not any(of.task in method.commands for method in methods.values()):
            raise ExperimentError(
                f'data, {name}: no method has a config for its task {of.task}: add one, or leave '
                'the data out'
            )


def _check_folder(where: str, name: str) -> None:
    if '/' in name:
        raise ExperimentError(f'{where}: the name is that of a folder, without "/"')


def _split(where: str, text: Any) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(str(text or '')))
    except ValueError as error:  # a quotation mark without its like
        raise ExperimentError(f'{where}: {error}: {text}') from None


def _words(where: str, text: Any) -> tuple[str, ...]:
    words = _split(where, text)
    if not words:
        raise ExperimentError(f'{where} needs a config, then options')
    find_config(words[0])
    return words


def _numbers(where: str, values: Any, low: int, high: int) -> tuple[int, ...]:
    good = isinstance(values, list) and values and all(type(value) is int for value in values)
    if not good or len(set(values)) < len(values) or not low <= min(values) <= max(values) <= high:
        raise ExperimentError(
            f'{where} must be a list of different whole numbers from {low} to {high}'
        )
    return tuple(values)
