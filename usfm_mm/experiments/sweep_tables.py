"""What a sweep found: points in order of their validation, and how far off the authors' are."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from usfm_mm.experiments.collecting import COST
from usfm_mm.experiments.plan import Data, Experiment
from usfm_mm.experiments.sweep import Point, Sweep, short
from usfm_mm.experiments.tables import Rows, cell, measures_of

Case = tuple[str, int]
"""Name of the data, and share of the labels."""


@dataclass(frozen=True)
class Ranked:
    """A point on one data set.

    Attributes:
        point: What was chosen.
        values: Of the measure, by seed, of the runs that are done.
        seeds: How many runs there are, done or not.
        others: Values of the task's other measures at the same validations, by name.
        seconds: Of all its runs.
        folder: Of the folders of its runs.
    """

    point: Point
    values: Mapping[int, float] = field(default_factory=dict)
    seeds: int = 0
    others: Mapping[str, Sequence[float]] = field(default_factory=dict)
    seconds: float = 0.0
    folder: str = ''

    @property
    def whole(self) -> bool:
        """Whether every seed has a result: only such a point can be the best."""
        return len(self.values) == self.seeds

    @property
    def mean(self) -> float:
        """Over the seeds that are done, of which there is one at least."""
        return statistics.fmean(self.values.values())


def cases_of_sweep(experiment: Experiment) -> list[tuple[Case, Data]]:
    """Every data set with every share of its labels."""
    return [
        ((name, percent), data)
        for percent in experiment.percent
        for name, data in experiment.data.items()
    ]


def rank(sweep: Sweep, rows: Rows, case: Case, task: str) -> list[Ranked]:
    """Points in the order of their mean over the seeds, the best first.

    Points of which nothing is done come last; none is left out.

    Args:
        sweep: For the points and the measure.
        rows: Of :func:`~usfm_mm.experiments.collecting.collect`.
        case: Data set and share.
        task: Of the data set.
    """
    found = []
    named = measures_of([row for row in rows if row['task'] == task], task)
    others = [name for name in named if name not in (*COST, sweep.measures[task])]
    for name, point in sweep.points.items():
        own = [row for row in rows if (row['data'], row['percent'], row['method']) == (*case, name)]
        if not own:
            continue
        measured = [row for row in own if row['measure'] == sweep.measures[task]]
        runs = {row['folder']: row for row in own}
        found.append(
            Ranked(
                point,
                {row['seed']: row['value'] for row in measured if not math.isnan(row['value'])},
                len(runs),
                {
                    other: [row['value'] for row in own if row['measure'] == other]
                    for other in others
                },
                sum(row['seconds'] or 0 for row in runs.values()),
                str(Path(own[0]['folder']).parent),
            )
        )
    sign = 1 if task in sweep.lower else -1
    return sorted(found, key=lambda it: (not it.values, sign * it.mean if it.values else 0))


def best_of(ranked: Sequence[Ranked]) -> Ranked | None:
    """The first point of which every seed is done."""
    return next((each for each in ranked if each.whole and each.values), None)


def ranking_table(sweep: Sweep, ranked: Sequence[Ranked], task: str) -> list[dict[str, str]]:
    """A row per point, with its place and what it is."""
    axes = list(dict.fromkeys(short(axis) for each in ranked for axis in each.point.values))
    bests = [id(best_of([each for each in ranked if each.point.of == of])) for of in _kinds(ranked)]
    table = []
    for place, each in enumerate(ranked, 1):
        told = {short(axis): value for axis, value in each.point.values.items()}
        marks = ['best'] * (id(each) in bests) + ["authors'"] * each.point.authors
        table.append(
            {'place': str(place) if each.values else '', 'method': each.point.of}
            | {axis: told.get(axis, 'config') for axis in axes}
            | {sweep.measures[task]: cell([*each.values.values()], each.seeds)}
            | {'': ', '.join(marks)}
            | {name: cell(values, each.seeds) for name, values in each.others.items()}
            | {'seconds': f'{each.seconds:.0f}', 'folder': each.folder}
        )
    return table


def best_table(
    sweep: Sweep, rows: Rows, cases: Sequence[tuple[Case, Data]]
) -> list[dict[str, str]]:
    """A row per data set, share and method: its best point beside the authors'."""
    table = []
    for (name, percent), data in cases:
        ranked = rank(sweep, rows, (name, percent), data.task)
        for of in _kinds(ranked):
            own = [each for each in ranked if each.point.of == of]
            best = best_of(own)
            if best is None or len(own) < 2:
                continue
            measure = sweep.measures[data.task]
            table.append(
                {'data': name, 'labels': f'{percent} %', 'method': of, 'measure': measure}
                | {'best point': told_point(best.point)}
                | {'best': cell([*best.values.values()], best.seeds)}
                | _against_authors(best, next((it for it in own if it.point.authors), None))
                | {'as good': _as_good(best, own)}
            )
    return table


def told_point(point: Point) -> str:
    """A point in words.

    Example:
        >>> told_point(Point('USFM', {'--lr': '1e-3', 'a.layer_decay_rate': '0.9'}))
        'lr 1e-3, layer_decay_rate 0.9'
    """
    told = ', '.join(f'{short(axis)} {value}' for axis, value in point.values.items())
    return told or 'as in the config'


def _against_authors(best: Ranked, authors: Ranked | None) -> dict[str, str]:
    if authors is None:
        return {}
    both = sorted(set(best.values) & set(authors.values))
    gains = [best.values[seed] - authors.values[seed] for seed in both]
    return {
        "authors'": cell([*authors.values.values()], authors.seeds),
        'best - authors': cell(gains, best.seeds),
    }


def _as_good(best: Ranked, own: Sequence[Ranked]) -> str:
    """How many points' means are no further from the best one than its own spread."""
    if len(best.values) < 2:
        return ''
    spread = statistics.stdev(best.values.values())
    near = sum(bool(it.values) and abs(it.mean - best.mean) <= spread for it in own)
    return f'{near} of {len(own)}'


def _kinds(ranked: Sequence[Ranked]) -> list[str]:
    return list(dict.fromkeys(each.point.of for each in ranked))
