"""``sweep:`` of an experiment: a grid becomes methods, one for each point."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from usfm_mm.experiments.checking import ExperimentError, known, mapping
from usfm_mm.experiments.plan import KNN, Experiment, Method
from usfm_mm.experiments.sweep import Grid, Point, Sweep, points_of, short

_KEYS = ('of', 'grid', 'authors', 'budget', 'seed', 'measure')
_LEADING = dict(seg='DSC', cls='F1', probe='F1', knn='F1', enhance='SSIM')
_LOWER = 'lower '
_METHODS, _PRETRAINING = 'methods', 'pretraining'
# The key of the config that an option sets, which would win over it.
_KEY_OF = {
    '--epochs': 'train_cfg.max_epochs',
    '--lr': 'optim_wrapper.optimizer.lr',
    '--batch-size': 'train_dataloader.batch_size',
    '--workers': 'train_dataloader.num_workers',
    '--arch': 'model.backbone.arch',
}


def with_sweep(experiment: Experiment, content: Any) -> Experiment:
    """Put a method, or a pre-training and its methods, in the place of each that has a grid.

    Args:
        experiment: As the rest of the file tells it.
        content: What stands under ``sweep``: docs/experiments.md tells the keys.

    Raises:
        ExperimentError: A key is unknown or does not fit; the message names it and the remedy.
    """
    content = mapping('sweep', content)
    known('sweep', content, _KEYS)
    if experiment.about or experiment.robustness:
        raise ExperimentError('sweep: tests nothing: leave out "about" and "robustness"')
    of = content.get('of', _METHODS)
    known('sweep, of', [of], (_METHODS, _PRETRAINING))
    in_pretraining = of == _PRETRAINING
    points = _points(experiment, content, in_pretraining)
    measures, lower = _measures(experiment, content.get('measure') or {})
    change = _pretraining if in_pretraining else _methods
    changed, named = change(experiment, points)
    return replace(changed, sweep=Sweep(named, measures, frozenset(lower), in_pretraining))


def _points(
    experiment: Experiment, content: Mapping[str, Any], in_pretraining: bool
) -> list[Point]:
    told = mapping('sweep, grid', content.get('grid') or {})
    grids = {name: _grid(name, axes) for name, axes in told.items()}
    if not grids:
        raise ExperimentError('sweep needs a "grid": by method, options with their values')
    there = experiment.pretraining if in_pretraining else experiment.methods
    known('sweep, grid', grids, [*there])
    for name, grid in grids.items():
        _check_free(experiment, name, grid, in_pretraining)
    authors = mapping('sweep, authors', content.get('authors') or {})
    known('sweep, authors', authors, [*grids])
    budget = content.get('budget')
    if budget is not None and (type(budget) is not int or budget < 1):
        raise ExperimentError(f'sweep, budget must be a whole number above 0, got {budget!r}')
    seed = content.get('seed', 0)
    found = {}
    for name, grid in grids.items():
        own = _authors(name, grid, authors[name]) if name in authors else None
        try:
            found[name] = points_of(name, grid, own, budget, seed)
        except ValueError as error:
            raise ExperimentError(f'sweep: {error}') from error
    if len({len(points) for points in found.values()}) > 1:
        sizes = ', '.join(f'{name} {len(points)}' for name, points in found.items())
        raise ExperimentError(
            f'sweep: the grids differ in size ({sizes}): give all the same "budget"'
        )
    every = [point for points in found.values() for point in points]
    if len({point.name for point in every}) < len(every):
        raise ExperimentError(
            'sweep, grid: two points have one name: make the names of choices differ'
        )
    return every


def _grid(name: str, told: Any) -> Grid:
    where = f'sweep, grid, {name}'
    grid: dict[str, Any] = {}
    for axis, values in mapping(where, told).items():
        if isinstance(values, dict) and values:
            grid[axis] = {str(key): str(words or '') for key, words in values.items()}
        elif isinstance(values, list) and values:
            grid[axis] = [str(value) for value in values]
        else:
            raise ExperimentError(f'{where}, {axis} must be a list of values, or words by name')
        if len(set(grid[axis])) < len(values):
            raise ExperimentError(f'{where}, {axis}: a value is there twice')
    if len({short(axis) for axis in grid}) < len(grid):
        raise ExperimentError(f'{where}: two axes end with the same name')
    return grid


def _authors(name: str, grid: Grid, told: Any) -> dict[str, str]:
    where = f'sweep, authors, {name}'
    values = {axis: str(value) for axis, value in mapping(where, told).items()}
    known(where, values, [*grid])
    for axis, value in values.items():
        choices = grid[axis]
        if isinstance(choices, dict):
            known(f'{where}, {axis}', [value], [*choices])
    return values


def _check_free(experiment: Experiment, name: str, grid: Grid, pretraining: bool) -> None:
    """Options that stand beside the grid would win over it, or lose, unseen."""
    if pretraining:
        given = experiment.pretraining[name]
    else:
        commands = experiment.methods[name].commands
        if KNN in commands:
            raise ExperimentError(f'sweep, grid, {name}: {KNN} trains nothing: leave it out there')
        others = [experiment.options.get(task, ()) for task in commands]
        others += [data.options for data in experiment.data.values() if data.task in commands]
        given = tuple(word for words in (*commands.values(), *others) for word in words)
    keys = _keys(given) | {'--data-root', '--work-dir', 'randomness.seed'}
    if not pretraining and experiment.methods[name].pretrained:
        keys.add('--weights')
    for axis, choices in grid.items():
        named = choices.values() if isinstance(choices, dict) else ()
        told = {_KEY_OF.get(axis, axis)} | _keys(word for words in named for word in words.split())
        if keys & told:
            raise ExperimentError(
                f'sweep, grid, {name}: {axis} is also given beside it: leave out one'
            )
        keys |= told  # of the other axes


def _keys(words: Iterable[str]) -> set[str]:
    """Options, and keys of the config, among words; the values of options are neither."""
    told = {word.partition('=')[0] for word in words if word.startswith('--') or '=' in word}
    return {_KEY_OF.get(key, key) for key in told - {'--cfg-options'}}


def _measures(experiment: Experiment, told: Any) -> tuple[dict[str, str], list[str]]:
    tasks = sorted({data.task for data in experiment.data.values()})
    asked = {key: str(name) for key, name in mapping('sweep, measure', told).items()}
    known('sweep, measure', asked, tasks)
    lower = [task for task, name in asked.items() if name.startswith(_LOWER)]
    names = {task: asked.get(task, _LEADING.get(task, '')) for task in tasks}
    missing = [task for task, name in names.items() if not name]
    if missing:
        raise ExperimentError(f'sweep, measure: say which counts in {", ".join(missing)}')
    return {task: name.removeprefix(_LOWER) for task, name in names.items()}, lower


def _check_new(name: str, others: set[str]) -> None:
    if name in others:
        raise ExperimentError(f'sweep: a point and a method are both named {name}: rename one')


def _methods(experiment: Experiment, points: list[Point]) -> tuple[Experiment, dict[str, Point]]:
    methods: dict[str, Method] = {}
    named: dict[str, Point] = {}
    for name, method in experiment.methods.items():
        own = [point for point in points if point.of == name]
        for point in own:
            _check_new(point.name, {*experiment.methods, *methods} - {name})
            commands = {task: (*words, *point.words) for task, words in method.commands.items()}
            methods[point.name] = replace(method, commands=commands)
            named[point.name] = point
        if not own:
            methods[name], named[name] = method, Point(name)
    return replace(experiment, methods=methods), named


def _pretraining(
    experiment: Experiment, points: list[Point]
) -> tuple[Experiment, dict[str, Point]]:
    swept = {point.of for point in points}
    used = {method.pretrained for method in experiment.methods.values()}
    if swept - used:
        raise ExperimentError(
            f'sweep, grid: no method starts from {", ".join(sorted(swept - used))}: give one '
            '"pretrained", whose validation tells the points apart'
        )
    kept = {name: words for name, words in experiment.pretraining.items() if name not in swept}
    pretraining = kept | {
        point.name: (*experiment.pretraining[point.of], *point.words) for point in points
    }
    methods: dict[str, Method] = {}
    named: dict[str, Point] = {}
    for name, method in experiment.methods.items():
        own = [point for point in points if point.of == method.pretrained]
        for point in own:
            here = replace(point, of=name)
            _check_new(here.name, {*experiment.methods, *methods} - {name})
            methods[here.name] = replace(method, pretrained=point.name)
            named[here.name] = here
        if not own:
            methods[name], named[name] = method, Point(name)
    return replace(experiment, methods=methods, pretraining=pretraining), named
