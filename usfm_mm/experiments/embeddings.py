"""What pre-trained encoders know of organs: the paper's Fig. 7, and numbers beside it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from usfm_mm.experiments.plan import PRETRAIN, Run
from usfm_mm.experiments.states import is_done
from usfm_mm.experiments.tables import cell
from usfm_mm.inference.feature_space import comparable

NEIGHBOURS = 5


def read_features(run: Run) -> tuple[np.ndarray, list[str]] | None:
    """Features that a pre-training left (``EmbeddingHook``), as they are compared; or None.

    Returns:
        float64 ``[N, D]``, standardised, rows of length 1; and N organs.
    """
    files = sorted((run.folder / 'embedding').glob('epoch_*.npz'))
    if run.stage != PRETRAIN or not is_done(run) or not files:
        return None
    with np.load(files[-1]) as held:
        return comparable(held['features'], held['features']), held['organs'].tolist()


def nearest_organs(features: np.ndarray, organs: Sequence[str], k: int = NEIGHBOURS) -> float:
    """Share of images whose nearest other images are mostly of their organ, mean over organs, in %.

    On cosine distances; each image is left out of its own neighbours. Where organs are equally
    frequent among them the nearer one counts.

    Args:
        features: ``[N, D]``, N above k.
        organs: N names.
        k: Neighbours.

    Example:
        >>> nearest_organs(np.array([[0, 1], [0, 2], [1, 0], [2, 0]]), ['a', 'a', 'b', 'b'], k=1)
        100.0
    """
    unit = features / np.linalg.norm(features, axis=1, keepdims=True).clip(1e-12)
    likeness = unit @ unit.T
    np.fill_diagonal(likeness, -np.inf)
    names = np.asarray(organs)
    near = names[np.argsort(-likeness, axis=1, kind='stable')[:, :k]]
    right = np.array([max(row, key=list(row).count) for row in near]) == names
    return float(100 * np.mean([right[names == organ].mean() for organ in np.unique(names)]))


def organ_features_table(runs: Sequence[Run]) -> list[dict[str, str]]:
    """A row per pre-training: silhouette and nearest neighbours by organ, over its seeds."""
    found: dict[str, list[tuple[float, float, int]]] = {}
    for run in runs:
        held = read_features(run)
        if held is not None:
            from usfm_mm.evaluation.silhouette import silhouette_by_organ

            apart = silhouette_by_organ(*held)['silhouette']
            found.setdefault(run.method, []).append((apart, nearest_organs(*held), len(held[1])))
    seeds = {name: sum(r.stage == PRETRAIN and r.method == name for r in runs) for name in found}
    return [
        {
            'pre-training': name,
            'silhouette, %': cell([100 * each[0] for each in own], seeds[name]),
            f'{NEIGHBOURS} nearest, %': cell([each[1] for each in own], seeds[name]),
            'images': str(own[0][2]),
        }
        for name, own in found.items()
    ]


def draw_embeddings(runs: Sequence[Run], folder: Path) -> str:
    """Write ``features.png`` and ``.svg``: the two first principal components of each first seed.

    Returns:
        The SVG's text from its first element on; empty where no pre-training left features.
    """
    panels: dict[str, Any] = {}
    for run in runs:
        held = read_features(run)
        if held is not None and run.method not in panels:
            panels[run.method] = held
    if not panels:
        return ''
    from usfm_mm.visualization.components import principal_panels
    from usfm_mm.visualization.figures import save_figure, save_svg

    figure = principal_panels(panels)
    save_figure(figure, folder / 'features.png')
    text = save_svg(figure, folder / 'features.svg').read_text(encoding='utf-8')
    return text[text.index('<svg') :]
