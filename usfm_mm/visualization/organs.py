"""How many images of each organ there are, and how often each is drawn."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure


def organ_chart(names: Sequence[str], counts: np.ndarray, drawn: np.ndarray) -> Figure:
    """Bars of each organ's share of images and of draws, as the paper's Fig. 3 shows them.

    Args:
        names: Of the organs, [O].
        counts: Images of each, [O].
        drawn: Probability of each to be drawn (Eq. 1), [O].

    Example:
        >>> organ_chart(['liver', 'breast'], np.array([90, 10]), np.array([0.75, 0.25])).axes
        [<Axes: title={'center': '100 images'}, xlabel='share in %'>]
    """
    figure = Figure(figsize=(7, 0.45 * len(names) + 1.4), layout='constrained')
    axes = figure.subplots()
    rows = np.arange(len(names))
    share = counts / counts.sum()
    for offset, values, label in ((-0.2, share, 'images'), (0.2, drawn, 'drawn, power 0.5')):
        bars = axes.barh(rows + offset, 100 * values, 0.38, label=label)
        axes.bar_label(bars, fmt='%.3g', padding=2, fontsize=8)
    axes.set(xscale='log', xlabel='share in %', yticks=rows, title=f'{counts.sum():,} images')
    # A dollar sign would begin a formula.
    axes.set_yticklabels([name.replace('$', r'\$') for name in names])
    axes.margins(x=0.15)
    axes.invert_yaxis()
    axes.legend()
    return figure
