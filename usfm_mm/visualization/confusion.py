"""Confusion matrices."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from usfm_mm.visualization.figures import DPI


def confusion_panel(confusion: np.ndarray, classes: Sequence[str], title: str = '') -> Figure:
    """Draw a confusion matrix: counts, and their share of the row in colour and in %.

    Args:
        confusion: ``[K, K]`` counts, rows truth, columns prediction. A class without images has an
            empty row.
        classes: K names.
        title: A line above the matrix.

    Raises:
        ValueError: If the shape isn't ``[K, K]`` for K names.
    """
    confusion, count = np.asarray(confusion), len(classes)
    if confusion.shape != (count, count) or not count:
        raise ValueError(f'confusion must be [K, K] for K names, got {confusion.shape} and {count}')
    totals = confusion.sum(1, keepdims=True)
    shares = np.divide(confusion, totals, out=np.zeros(confusion.shape), where=totals > 0)
    side = 1.6 + max(2.0, 0.62 * count)
    figure = Figure(figsize=(side + 0.4, side), dpi=DPI, layout='constrained')
    axes = figure.add_subplot()
    picture = axes.imshow(100 * shares, cmap='Blues', vmin=0, vmax=100)
    for i, j in np.ndindex(count, count):
        if totals[i] == 0:
            continue
        number, share = confusion[i, j], shares[i, j]
        axes.text(
            j,
            i,
            f'{number}\n{100 * share:.0f} %' if number else '0',
            ha='center',
            va='center',
            fontsize=8,
            color='white' if share > 0.55 else 'black' if number else '#999999',
        )
    axes.set(
        xticks=range(count),
        yticks=range(count),
        xticklabels=classes,
        yticklabels=[f'{name} ({n})' for name, n in zip(classes, totals[:, 0], strict=True)],
        xlabel='prediction',
        ylabel='truth',
    )
    axes.tick_params(labelsize=8, length=0)
    axes.tick_params(axis='x', labelrotation=0 if count <= 3 else 45)
    if count > 3:
        for label in axes.get_xticklabels():
            label.set(ha='right', rotation_mode='anchor')
    bar = figure.colorbar(picture, ax=axes, shrink=0.8, label='% of the row')
    bar.ax.tick_params(labelsize=8)
    if title:
        axes.set_title(title, fontsize=10)
    return figure
