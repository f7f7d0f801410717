"""What pre-trained encoders know of organs: the paper's Fig. 7, and numbers beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from usfm_mm.experiments.plan import PRETRAIN, Run
from usfm_mm.experiments.states import is_done
from usfm_mm.experiments.tables import cell
from usfm_mm.inference.feature_space import KINDS, comparable, kind_of
from usfm_mm.io.numbered import number_of

NEIGHBOURS = 5


@dataclass(frozen=True)
class OrganFeatures:
    """What a pre-training left.

    Attributes:
        run: The pre-training.
        features: float64 ``[N, D]``, as they are compared: standardised, rows of length 1.
        organs: N names.
        kind: What the features are made of, one of ``KINDS``.
    """

    run: Run
    features: np.ndarray
    organs: list[str]
    kind: str


def read_features(runs: Sequence[Run]) -> tuple[list[OrganFeatures], str]:
    """Features that pre-trainings left (``EmbeddingHook``), all of one kind, the newest.

    Returns:
        Those of finished pre-trainings that have some, in the order of the runs; and a sentence of
        which are left out, empty where none is.
    """
    found = []
    for run in runs:
        files = sorted((run.folder / 'embedding').glob('epoch_*.npz'), key=number_of)
        if run.stage == PRETRAIN and is_done(run) and files:
            with np.load(files[-1]) as held:
                kind = kind_of({'features': str(held['kind'])} if 'kind' in held else {})
                vectors, organs = held['features'], held['organs'].tolist()
            found.append(OrganFeatures(run, comparable(vectors, vectors), organs, kind))
    newest = next((kind for kind in KINDS if any(each.kind == kind for each in found)), '')
    others = [each for each in found if each.kind != newest]
    names = ', '.join(f'{each.run.method} seed {each.run.seed} ({each.kind})' for each in others)
    told = f'Left out, as the others have features {newest}: {names}.' if others else ''
    return [each for each in found if each.kind == newest], told


def nearest_organs(features: np.ndarray, organs: Sequence[str], k: int = NEIGHBOURS) -> float:
    """Share of images of whose nearest others their organ is the most frequent; mean of organs, %.

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
    for held in read_features(runs)[0]:
        from usfm_mm.evaluation.silhouette import silhouette_by_organ

        apart = silhouette_by_organ(held.features, held.organs)['silhouette']
        near = nearest_organs(held.features, held.organs)
        found.setdefault(held.run.method, []).append((apart, near, len(held.organs)))
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
    for held in read_features(runs)[0]:
        panels.setdefault(held.run.method, (held.features, held.organs))
    if not panels:
        return ''
    from usfm_mm.visualization.components import principal_panels
    from usfm_mm.visualization.figures import save_both

    return save_both(principal_panels(panels), folder, 'features')
