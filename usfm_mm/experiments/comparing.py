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
            rows.append(row | dict(low=low, high=high, seeds=len(of.seeds), **_counts(patients)))
    return rows


def against_best_other(experiment: Experiment, cases: Cases) -> list[dict[str, Any]]:
    """The experiment's method against the best of the others, on each data set and share.

    On the seeds that both have; what shares no seed or was tested on other images is no rival
    (:func:`not_compared`). ``p`` is that of exchanging the two methods' answers patient by
    patient, ``p_holm`` corrected for the number of rows; the interval of the difference has the
    seeds too. Which other one is best was seen on the same test images.
    """
    if not cases:
        return []
    from usfm_mm.evaluation.resampling import bootstrap_interval, holm, paired_test

    rows: list[dict[str, Any]] = []
    for (data, percent), methods in cases.items():
        own = methods.get(experiment.about)
        rivals = {name: of for name, of in methods.items() if own and _comparable(own, of)}
        rivals.pop(experiment.about, None)
        if own is None or not rivals:
            continue
        every = np.arange(len(own.images))
        values = {name: of.measure(of.at(_shared(own, of)), every) for name, of in rivals.items()}
        best = max(values, key=values.__getitem__)
        other = rivals[best]
        seeds = _shared(own, other)
        patients = patients_of(Path(experiment.data[data].root), own.images)
        pair = np.stack([own.at(seeds), other.at(seeds)], axis=-1)

        def difference(drawn: np.ndarray, images: np.ndarray, of: Outcomes = own) -> float:
            return of.measure(drawn[..., 0], images) - of.measure(drawn[..., 1], images)

        low, high = bootstrap_interval(pair, difference, patients)
        row = dict(data=data, percent=percent, method=experiment.about, other=best)
        row |= dict(measure=own.name, difference=difference(pair, every), low=low, high=high)
        row |= dict(p=paired_test(pair[..., 0], pair[..., 1], own.measure, patients))
        rows.append(row | dict(seeds=len(seeds), **_counts(patients)))
    for row, adjusted in zip(rows, holm([row['p'] for row in rows]), strict=True):
        row['p_holm'] = adjusted
    return rows


def not_compared(experiment: Experiment, cases: Cases) -> list[str]:
    """What :func:`against_best_other` could not take for a rival, as ``'busi, 20 %: scratch'``."""
    found = []
    for (data, percent), methods in cases.items():
        own = methods.get(experiment.about)
        apart = [name for name, of in methods.items() if own and not _comparable(own, of)]
        if apart:
            found.append(f'{data}, {percent} %: {", ".join(apart)}')
    return found


def _comparable(own: Outcomes, other: Outcomes) -> bool:
    return own.images == other.images and own.name == other.name and bool(_shared(own, other))


def _shared(own: Outcomes, other: Outcomes) -> list[int]:
    return sorted(set(own.seeds) & set(other.seeds))


def _counts(patients: Sequence[str]) -> dict[str, int]:
    return dict(images=len(patients), patients=len(set(patients)))
