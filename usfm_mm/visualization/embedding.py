"""The feature space in two dimensions, as the paper's Fig. 7."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from usfm_mm.io.optional import optional_import
from usfm_mm.visualization.figures import COLOURS, DPI

_MARKERS = ('o', '^', 's', 'D')


def umap_points(features: np.ndarray, seed: int = 0) -> np.ndarray:
    """Two-dimensional UMAP embedding (McInnes et al. 2018) with the package's own defaults.

    Args:
        features: ``[N, D]``, N at least 3.
        seed: The same seed gives the same points.

    Returns:
        ``[N, 2]``.

    Raises:
        ModuleNotFoundError: If umap-learn is not installed.
    """
    umap = optional_import('umap', 'the picture of the feature space', 'usfm-mm[vis]')
    count = len(features)
    # The spectral start needs more points than it has dimensions to look for.
    start = 'spectral' if count > 10 else 'random'
    # n_jobs=1 is what a fixed seed implies; said openly, UMAP doesn't warn of it.
    reducer = umap.UMAP(n_neighbors=min(15, count - 1), init=start, random_state=seed, n_jobs=1)
    return reducer.fit_transform(features)


def embedding_scatter(points: np.ndarray, labels: Sequence[str], title: str = '') -> Figure:
    """Draw a two-dimensional embedding, one colour and marker per label (Fig. 7).

    Args:
        points: ``[N, 2]`` coordinates; their scale carries no meaning and is not drawn.
        labels: N names, usually the organs. The legend counts the images of each.
        title: A line above the plot.

    Raises:
        ValueError: If ``points`` is not ``[N, 2]`` or the number of labels differs from N.
    """
    points = np.asarray(points)
    names = np.asarray(labels)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) != len(names):
        raise ValueError(
            f'points must be [N, 2] with N labels, got {points.shape} and {len(names)} labels'
        )
    figure = Figure(figsize=(7.2, 5.2), dpi=DPI, layout='constrained')
    axes = figure.add_subplot()
    for index, name in enumerate(sorted(set(names.tolist()))):
        chosen = points[names == name]
        axes.scatter(
            chosen[:, 0],
            chosen[:, 1],
            s=16,
            linewidths=0,
            alpha=0.8,
            color=COLOURS[index % len(COLOURS)],
            marker=_MARKERS[index // len(COLOURS) % len(_MARKERS)],
            label=f'{name} ({len(chosen)})',
        )
    axes.set(xticks=[], yticks=[], xlabel='UMAP 1', ylabel='UMAP 2')
    axes.spines[['top', 'right']].set_visible(False)
    axes.legend(
        loc='center left', bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=9, handletextpad=0.2
    )
    if title:
        axes.set_title(title, fontsize=10)
    return figure
