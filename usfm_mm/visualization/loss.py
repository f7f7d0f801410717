"""How the loss fell."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from usfm_mm.visualization.figures import COLOURS, DPI


def loss_curve(train: Sequence[tuple[int, float]], val: Sequence[tuple[int, float]]) -> Figure:
    """Draw how the loss fell.

    Args:
        train: Iteration and training loss, in the order of training.
        val: Iteration and validation loss; may be empty.
    """
    figure = Figure(figsize=(5.2, 3.2), dpi=DPI, layout='constrained')
    axes = figure.subplots()
    axes.plot(*np.transpose(train), color=COLOURS[0], linewidth=1, label='training')
    if len(val):
        axes.plot(*np.transpose(val), 'o-', color=COLOURS[1], markersize=3, label='validation')
    axes.set(xlabel='iteration', ylabel='loss', ylim=(0, None))
    axes.legend(frameon=False)
    return figure
