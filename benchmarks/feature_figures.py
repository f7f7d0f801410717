"""Figures of ``benchmarks.feature_quality``."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from usfm_mm.visualization.embedding import umap_points
from usfm_mm.visualization.figures import COLOURS, DPI, save_figure


def draw_blocks(spectra: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """Share of the first direction and its correlation with brightness, over the blocks."""
    figure = Figure(figsize=(8.4, 3.2), dpi=DPI, layout='constrained')
    share, related = figure.subplots(1, 2, sharex=True, sharey=True)
    for colour, (name, rows) in zip(COLOURS, spectra.items(), strict=False):
        blocks = range(len(rows))
        share.plot(blocks, [row['share'] for row in rows], 'o-', ms=4, color=colour, label=name)
        values = [row['correlation']['brightness'] for row in rows]
        related.plot(blocks, values, 'o-', ms=4, color=colour)
        related.tick_params(axis='x', labelsize=8)
        names = [*map(str, range(len(rows) - 1)), 'norm']
        share.set_xticks(blocks, names, fontsize=8)
    share.set(ylim=(0, 1.04), xlabel='after block', title='share of variance in one direction')
    related.set(xlabel='after block', title='its correlation with brightness, |r|')
    share.legend(frameon=False, fontsize=9, loc='lower left')
    for axes in (share, related):
        axes.title.set_size(10)
        axes.spines[['top', 'right']].set_visible(False)
    save_figure(figure, path)


def draw_maps(
    two: list[tuple[str, np.ndarray]], organs: np.ndarray, brightness: np.ndarray, path: Path
) -> None:
    """UMAP of two kinds of features, coloured by organ above and by brightness below."""
    figure = Figure(figsize=(8.4, 6.4), dpi=DPI, layout='constrained')
    grid = figure.subplots(2, 2)
    for column, (name, features) in enumerate(two):
        points = umap_points(features)
        for n, organ in enumerate(sorted(set(organs))):
            where = organs == organ
            grid[0, column].scatter(*points[where].T, s=5, color=COLOURS[n], label=organ)
        shown = grid[1, column].scatter(*points.T, s=5, c=brightness, cmap='viridis')
        grid[0, column].set_title(name, fontsize=10)
    grid[0, 1].legend(
        loc='center left', bbox_to_anchor=(1, 0.5), frameon=False, fontsize=8, markerscale=2.5
    )
    figure.colorbar(shown, ax=grid[1, 1], label='mean brightness, 0 to 255')
    for axes in grid.ravel():
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    save_figure(figure, path)
