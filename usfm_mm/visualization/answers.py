"""Answers against the truth: curves of findings, and numbers."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from usfm_mm.visualization.figures import COLOURS, DPI


def roc_panel(truth: np.ndarray, scores: np.ndarray, labels: Sequence[str]) -> Figure:
    """Draw the receiver operating curve of each label that is both true and false of some.

    Args:
        truth: [N, K] of 0 and 1.
        scores: [N, K].
        labels: K names.

    Example:
        >>> truth, scores = np.array([[0], [1]]), np.array([[0.2], [0.8]])
        >>> roc_panel(truth, scores, ['B-lines']).axes[0].get_xlabel()
        '1 - specificity, %'
    """
    figure = Figure(figsize=(4.2, 4.2), dpi=DPI, layout='constrained')
    axes = figure.add_subplot()
    axes.plot([0, 100], [0, 100], color='#bbbbbb', linewidth=1)
    for number, label in enumerate(labels):
        true, score = truth[:, number].astype(bool), scores[:, number]
        if not 0 < true.sum() < len(true):
            continue
        # A step where the threshold passes a score; equal scores pass together.
        steps = np.concatenate([[np.inf], np.unique(score)[::-1]])
        hits, alarms = (
            [100 * (score[side] >= step).mean() for step in steps] for side in (true, ~true)
        )
        axes.plot(alarms, hits, label=label, color=COLOURS[number % len(COLOURS)])
    axes.set(xlabel='1 - specificity, %', ylabel='sensitivity, %', xlim=(-2, 102), ylim=(-2, 102))
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, loc='lower right')
    return figure


def scatter_panel(truth: np.ndarray, answers: np.ndarray, names: Sequence[str]) -> Figure:
    """Draw answers over the truth, a plot for each value, the line of agreement in grey.

    Args:
        truth: [N, K].
        answers: [N, K].
        names: K names.

    Example:
        >>> len(scatter_panel(np.ones((3, 2)), np.ones((3, 2)), ['EF', 'HC']).axes)
        2
    """
    figure = Figure(figsize=(3.6 * len(names), 3.6), dpi=DPI, layout='constrained')
    for number, axes in enumerate(figure.subplots(1, len(names), squeeze=False)[0]):
        true, answer = truth[:, number], answers[:, number]
        ends = [min(true.min(), answer.min()), max(true.max(), answer.max())]
        axes.plot(ends, ends, color='#bbbbbb', linewidth=1)
        axes.scatter(true, answer, s=9, color=COLOURS[0])
        axes.set(title=names[number], xlabel='truth', ylabel='answer')
    return figure
