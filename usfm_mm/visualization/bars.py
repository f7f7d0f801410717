"""Methods beside each other with their intervals (the paper's Fig. 11)."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from usfm_mm.visualization.figures import method_panels

Bar = tuple[float, float, float]
"""Value, and both ends of its interval."""


def bars(
    panels: Mapping[str, Mapping[str, Bar]], paper: Mapping[str, Mapping[str, float]] | None = None
) -> Figure:
    """Draw a panel for each data set, a bar for each method.

    The axis begins at 0: a bar's length is its value.

    Args:
        panels: Bars by method, by the panel's title; an interval of NaN is left out.
        paper: Likewise what the paper prints: open squares, of methods that have a bar.

    Example:
        >>> figure = bars({'BUSI, DSC %': {'scratch': (50, 45, 55), 'USFM': (60, 56, 64)}})
        >>> [round(bar.get_height()) for bar in figure.axes[0].patches]
        [50, 60]
    """
    figure, every, colours = method_panels(panels, height=2.9)
    for title, own in panels.items():
        axes = every[title]
        axes.bar(
            range(len(own)),
            [value for value, _, _ in own.values()],
            color=[colours[method] for method in own],
            width=0.7,
        )
        for place, (method, (_, low, high)) in enumerate(own.items()):
            if low == low:  # not NaN
                axes.plot([place, place], [low, high], color='k', linewidth=1)
            if method in (paper or {}).get(title, {}):
                value = (paper or {})[title][method]
                axes.plot(place, value, 's', color='k', markerfacecolor='none', markersize=5)
        axes.set_xticks(range(len(own)), list(own), rotation=30, ha='right', fontsize=7)
        axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
    return figure
