"""How sure a comparison is: intervals of each method, and one method against the best other."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from usfm_mm.experiments.outcomes import Outcomes, patients_of, read_outcomes
from usfm_mm.experiments.plan import ADAPT, Experiment, Run
from usfm_mm.experiments.states import is_tested

Cases = dict[tuple[str, int], dict[str, Outcomes]]


def cases_of(runs: Sequence[Run]) -> Cases:
    """Outcomes of the runs that were tested by data and share, then by method."""
    folders: dict[tuple[str, int], dict[str, dict[int, Path]]] = {}
    for run in runs:
        if run.stage == ADAPT and is_tested(run):
            methods = folders.setdefault((run.data, run.percent), {})
            methods.setdefault(run.method, {})[run.seed] = run.results
    found: Cases = {}
    for case, methods in folders.items():
        for method, own in methods.items():
            outcomes = read_outcomes(own)
            if outcomes is not None:
                found.setdefault(case, {})[method] = outcomes
    return found


def intervals(experiment: Experiment, cases: Cases) -> list[dict[str, Any]]:
    """Value and 95 % interval over seeds and patients, of each method on each data set."""
    if not cases:
        return []
    from usfm_mm.evaluation.resampling import bootstrap_interval  # imports OpenMMLab

    rows = []
    for (data, percent), methods in cases.items():
        for method, of in methods.items():
            patients = patients_of(Path(experiment.data[data].root), of.images)
            low, high = bootstrap_interval(of.values, of.measure, patients)
            value = of.measure(of.values, np.arange(len(of.images)))
            row = dict(data=data, percent=percent, method=method, measure=of.name, value=value)
            rows.append(row | dict(low=low, high=high, seeds=len(of.seeds), images=len(of.images)))
    return rows


def against_best_other(experiment: Experiment, cases: Cases) -> list[dict[str, Any]]:
    """The experiment's method against the best of the others, on each data set and share.

    On the seeds that both have. ``p`` is that of exchanging the two methods' answers patient by
    patient, ``p_holm`` corrected for the number of rows; the interval of the difference has the
    seeds too. Which other one is best was seen on the same test images.
    """
    if not cases:
        return []
    from usfm_mm.evaluation.resampling import bootstrap_interval, holm, paired_test

    rows: list[dict[str, Any]] = []
    for (data, percent), methods in cases.items():
        own = methods.get(experiment.about)
        others = {name: of for name, of in methods.items() if name != experiment.about}
        if own is None or not others:
            continue
        every = np.arange(len(own.images))
        best = max(others, key=lambda name: others[name].measure(others[name].values, every))
        other = others[best]
        seeds = sorted(set(own.seeds) & set(other.seeds))
        if not seeds or own.images != other.images:
            continue
        patients = patients_of(Path(experiment.data[data].root), own.images)
        pair = np.stack([own.at(seeds), other.at(seeds)], axis=-1)

        def difference(drawn: np.ndarray, images: np.ndarray, of: Outcomes = own) -> float:
            return of.measure(drawn[..., 0], images) - of.measure(drawn[..., 1], images)

        low, high = bootstrap_interval(pair, difference, patients)
        row = dict(data=data, percent=percent, method=experiment.about, other=best)
        row |= dict(measure=own.name, difference=difference(pair, every), low=low, high=high)
        row |= dict(p=paired_test(pair[..., 0], pair[..., 1], own.measure, patients))
        rows.append(row | dict(seeds=len(seeds), images=len(own.images)))
    for row, adjusted in zip(rows, holm([row['p'] for row in rows]), strict=True):
        row['p_holm'] = adjusted
    return rows
