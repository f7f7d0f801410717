"""Whether classifiers are right as often as they are sure."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from usfm_mm.visualization.figures import method_panels

_LARGEST = 120  # points^2 of a mark that stands for all images


def reliability_diagram(panels: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Draw a panel for each data set, a curve for each method; the diagonal is calibrated.

    Args:
        panels: By the panel's title and the method, ``[B, 3]``: mean confidence, share that is
            right, and share of the images, 0 to 1; a mark's area is that share.

    Example:
        >>> figure = reliability_diagram({'BUSI': {'USFM': np.array([[0.7, 0.6, 1.0]])}})
        >>> [axes.get_title() for axes in figure.axes]
        ['BUSI']
    """
    figure, every, colours = method_panels(panels, height=3.2)
    for title, own in panels.items():
        axes = every[title]
        axes.plot([0, 1], [0, 1], color='0.7', linewidth=1, linestyle='--')
        for method, found in own.items():
            sure, right, share = found.T
            axes.plot(sure, right, color=colours[method], linewidth=1, label=method)
            axes.scatter(sure, right, s=_LARGEST * share, color=colours[method], linewidths=0)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel='confidence', ylabel='share that is right')
        axes.set_aspect('equal')
        axes.legend(frameon=False, fontsize=6, loc='upper left')
    return figure
