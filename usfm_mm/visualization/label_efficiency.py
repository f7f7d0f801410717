"""What methods make of few labels (the paper's Fig. 10)."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from usfm_mm.visualization.figures import method_panels

Point = tuple[int, float, float, float]
"""Share of the labels in %, value, and both ends of its interval."""


def label_efficiency(
    panels: Mapping[str, Mapping[str, Sequence[Point]]], paper: Mapping[str, Mapping] | None = None
) -> Figure:
    """Draw a panel for each data set, a line for each method with its intervals.

    Args:
        panels: Points by method, by the panel's title.
        paper: Likewise what the paper prints, as pairs of share and value: open marks.

    Example:
        >>> points = [(20, 50, 45, 55), (100, 60, 56, 64)]
        >>> figure = label_efficiency({'BUSI, DSC %': {'USFM': points}})
        >>> [axes.get_title() for axes in figure.axes]
        ['BUSI, DSC %']
    """
    figure, every, colours = method_panels(panels, height=2.9)
    for title, own in panels.items():
        axes = every[title]
        for method, points in own.items():
            shares, values, lows, highs = zip(*sorted(points), strict=True)
            style: dict[str, Any] = dict(
                color=colours[method], label=method, markersize=3, linewidth=1
            )
            axes.plot(shares, values, 'o-', **style)
            axes.fill_between(shares, lows, highs, color=colours[method], alpha=0.12, linewidth=0)
        for method, printed in (paper or {}).get(title, {}).items():
            style = dict(color=colours.get(method, 'k'), label=f"{method} (the paper's)")
            axes.plot(*zip(*printed, strict=True), 's', markerfacecolor='none', **style)
        axes.set_xlabel('labels, %')
        axes.legend(frameon=False, fontsize=6)
    return figure
