"""Loss and validation measures over a training."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from usfm_mm.visualization.figures import COLOURS, DPI

_SHOWN = ('DSC', 'IoU', 'F1', 'AUC', 'AP', 'ACC', 'SSIM', 'LNCC', 'NMI', 'PSNR', 'R2', 'MAE')
_LINES = 5


def curves_panel(
    losses: Sequence[tuple[int, float]], validations: Sequence[tuple[int, dict[str, float]]]
) -> Figure:
    """Draw the training loss above the measures of the validations, on one axis of iterations.

    Args:
        losses: Iteration and loss.
        validations: Iteration and measures by name; of those known, five at most are drawn.

    Example:
        >>> figure = curves_panel([(1, 0.5), (2, 0.4)], [(2, {'DSC': 80.0, 'DSC_std': 3.0})])
        >>> [axes.get_ylabel() for axes in figure.axes]
        ['loss', 'validation']
    """
    figure = Figure(figsize=(5.2, 4.6), dpi=DPI, layout='constrained')
    above, below = figure.subplots(2, 1, sharex=True)
    above.plot(*np.transpose(losses), color=COLOURS[0], linewidth=1)
    above.set(ylabel='loss', ylim=(0, None))
    names = [name for name in _SHOWN if any(name in row for _, row in validations)][:_LINES]
    for colour, name in zip(COLOURS, names, strict=False):
        points = [(step, row[name]) for step, row in validations if name in row]
        below.plot(*np.transpose(points), 'o-', color=colour, markersize=3, label=name)
    below.set(xlabel='iteration', ylabel='validation')
    if names:
        below.legend(frameon=False, fontsize=8, ncols=2)
    return figure
