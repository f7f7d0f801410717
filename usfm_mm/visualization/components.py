"""Feature spaces by their two first principal components (the paper's Fig. 7 has UMAP)."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from usfm_mm.visualization.figures import COLOURS, DPI

_MARKERS = ('o', '^', 's', 'D')
_COLUMNS = 2


def principal_components(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two first principal components, the larger entry of each direction positive.

    Args:
        features: ``[N, D]``, N and D at least 2.

    Returns:
        Points ``[N, 2]``, and the shares of the variance that they have, ``[2]``.

    Example:
        >>> points, shares = principal_components(np.array([[0, 0], [2, 0], [0, 1], [2, 1]]))
        >>> shares
        array([0.8, 0.2])
    """
    centred = np.asarray(features, np.float64) - np.mean(features, axis=0, dtype=np.float64)
    left, values, right = np.linalg.svd(centred, full_matrices=False)
    largest = np.take_along_axis(right, np.abs(right).argmax(axis=1)[:, None], axis=1)[:2, 0]
    shares = values**2 / max((values**2).sum(), np.finfo(float).tiny)
    return left[:, :2] * values[:2] * np.sign(largest), shares[:2]


def principal_panels(panels: Mapping[str, tuple[np.ndarray, Sequence[str]]]) -> Figure:
    """Draw a panel for each encoder, a colour and marker for each organ.

    Args:
        panels: By the panel's title, features ``[N, D]`` and N names.

    Example:
        >>> figure = principal_panels({'USFM': (np.eye(3), ['liver', 'liver', 'breast'])})
        >>> [text.get_text() for text in figure.legends[0].get_texts()]
        ['breast', 'liver']
    """
    columns = min(len(panels), _COLUMNS)
    lines = -(-len(panels) // columns)
    figure = Figure(figsize=(4 * columns + 1.2, 3.4 * lines), dpi=DPI, layout='constrained')
    organs = sorted({organ for _, names in panels.values() for organ in names})
    for number, (title, (features, names)) in enumerate(panels.items()):
        axes = figure.add_subplot(lines, columns, number + 1)
        points, shares = principal_components(features)
        for place, organ in enumerate(organs):
            chosen = points[np.asarray(names) == organ]
            axes.scatter(
                chosen[:, 0],
                chosen[:, 1],
                s=10,
                linewidths=0,
                alpha=0.8,
                color=COLOURS[place % len(COLOURS)],
                marker=_MARKERS[place // len(COLOURS) % len(_MARKERS)],
                label=organ,
            )
        axes.set(xticks=[], yticks=[], xlabel=f'{100 * shares[0]:.0f} % of the variance')
        axes.set_ylabel(f'{100 * shares[1]:.0f} %')
        axes.set_title(title, fontsize=9)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc='outside right center', frameon=False, fontsize=7)
    return figure
