"""Which cheap measure of a pre-training tells what becomes of it downstream."""

from collections.abc import Mapping
from typing import Any

from usfm_mm.experiments.plan import KNN, Experiment
from usfm_mm.experiments.tables import Rows

LOSS = 'val/total'
"""Validation loss of a pre-training (Eq. 11)."""
FEWEST = 4
"""Fewer runs than these have no rank correlation worth a number."""

_Key = tuple[str, int]  # pre-training and its seed


def predicting_table(experiment: Experiment, rows: Rows) -> list[dict[str, str]]:
    """Spearman's rank correlation of cheap measures with results of trained models.

    Over the pre-trainings and seeds that have both. A loss counts as better the lower it is, so
    that 1 is a measure that ranks the pre-trainings as the downstream validation does, and -1 one
    that ranks them the other way round.

    Args:
        experiment: A sweep of pre-training.
        rows: Of :func:`~usfm_mm.experiments.collecting.collect`.

    Returns:
        A row for each method, cheap measure and data set with its share; empty of other sweeps.
    """
    sweep = experiment.sweep
    if sweep is None or not sweep.pretraining:
        return []
    losses = {
        (row['method'], row['seed']): -row['value']
        for row in rows
        if not row['data'] and row['measure'] == LOSS
    }
    table = []
    for method in dict.fromkeys(point.of for point in sweep.points.values()):
        cheap: dict[str, Mapping[_Key, float]] = {'validation loss of pre-training': losses}
        dear: dict[tuple[str, str], Mapping[_Key, float]] = {}
        for percent in experiment.percent:
            for name, data in experiment.data.items():
                found = _values(experiment, rows, method, name, percent)
                if data.task == KNN:
                    cheap[f'k-NN, {name}, {percent} %'] = found
                elif data.task in _tasks(experiment, method):
                    dear[name, f'{percent} %'] = found
        table += [
            {'method': method, 'measure': told, 'data': name, 'labels': share}
            | _correlation(one, other)
            for told, one in cheap.items()
            for (name, share), other in dear.items()
        ]
    return table


def rank_correlation(
    one: Mapping[Any, float], other: Mapping[Any, float]
) -> tuple[float, float, int]:
    """Spearman's rho over the keys that both have, its p and the number of keys.

    Example:
        >>> rank_correlation(dict(a=1, b=2, c=3, d=9), dict(a=10, b=11, c=12, d=13, e=0))[::2]
        (1.0, 4)
    """
    from scipy.stats import spearmanr

    both = sorted(set(one) & set(other))
    values = [one[key] for key in both], [other[key] for key in both]
    if len(both) < FEWEST or any(len(set(each)) == 1 for each in values):
        return float('nan'), float('nan'), len(both)
    rho, p = spearmanr(*values)
    return round(float(rho), 12), float(p), len(both)


def _tasks(experiment: Experiment, method: str) -> set[str]:
    assert experiment.sweep is not None
    points = experiment.sweep.points
    return {
        task
        for name, point in points.items()
        if point.of == method
        for task in experiment.methods[name].commands
    }


def _values(
    experiment: Experiment, rows: Rows, method: str, data: str, percent: int
) -> dict[_Key, float]:
    """Of the measure that counts, by the pre-training that a method starts from, and seed."""
    sweep = experiment.sweep
    assert sweep is not None
    task = experiment.data[data].task
    sign = -1 if task in sweep.lower else 1
    return {
        (experiment.methods[row['method']].pretrained, row['seed']): sign * row['value']
        for row in rows
        if (row['data'], row['percent'], row['measure']) == (data, percent, sweep.measures[task])
        and experiment.methods[row['method']].pretrained
        and sweep.points[row['method']].of == method
    }


def _correlation(one: Mapping[_Key, float], other: Mapping[_Key, float]) -> dict[str, str]:
    rho, p, runs = rank_correlation(one, other)
    known = rho == rho  # not NaN
    return {
        "Spearman's rho": f'{rho:.2f}' if known else '',
        'p': f'{p:.3f}' if known else '',
        'runs': str(runs),
    }
