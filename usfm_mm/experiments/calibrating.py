"""Reliability diagrams beside the calibration error of the tables."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from usfm_mm.experiments.outcomes import answers_of
from usfm_mm.experiments.plan import ADAPT, Experiment, Run
from usfm_mm.experiments.states import is_tested

BINS = 10
"""Fewer than the error's 15: test sets are small, and a point of few images says little."""


def draw_reliability(experiment: Experiment, runs: Sequence[Run], folder: Path) -> str:
    """Write ``reliability.png`` and ``.svg``, of the largest share of the labels.

    The answers of all seeds of a method are one curve.

    Args:
        experiment: For its shares.
        runs: Of which those of classifiers that were tested count.
        folder: To write to.

    Returns:
        The SVG's text from its first element on; empty where no classifier was tested.
    """
    answers: dict[str, dict[str, list[tuple[np.ndarray, np.ndarray]]]] = {}
    for run in runs:
        if run.stage == ADAPT and run.percent == max(experiment.percent) and is_tested(run):
            found = answers_of(run.results)
            if found is not None:
                answers.setdefault(run.data, {}).setdefault(run.method, []).append(found)
    if not answers:
        return ''
    from usfm_mm.evaluation.calibration import reliability  # imports OpenMMLab
    from usfm_mm.visualization.figures import save_both
    from usfm_mm.visualization.reliability import reliability_diagram

    panels: dict[str, dict[str, np.ndarray]] = {}
    for data, methods in answers.items():
        for method, own in methods.items():
            confidence, right = (np.concatenate(part) for part in zip(*own, strict=True))
            panels.setdefault(data, {})[method] = reliability(confidence, right, BINS)
    return save_both(reliability_diagram(panels), folder, 'reliability')
