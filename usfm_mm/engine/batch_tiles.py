"""Images of a batch with their masks or labels, ready to be drawn."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from usfm_mm.visualization.tiles import Tile


def batch_tiles(batch: dict, classes: Sequence[str]) -> list[Tile]:
    """Tiles of a batch of segmentation or classification, before the data preprocessor.

    Args:
        batch: ``inputs``, a list of uint8 [C, H, W] (of clips [N, C, H, W], whose first frame is
            drawn), and ``data_samples`` of mmseg or mmpretrain.
        classes: Names.

    Returns:
        One tile of each item; none for a batch of another kind.
    """
    inputs, samples = batch.get('inputs'), batch.get('data_samples')
    if inputs is None or isinstance(inputs, dict) or not samples:
        return []
    return [_tile(image, sample, classes) for image, sample in zip(inputs, samples, strict=True)]


def _tile(image: Any, sample: Any, classes: Sequence[str]) -> Tile:
    pixels = np.asarray(image[0] if image.ndim == 4 else image)
    grey = pixels.mean(axis=0).round().astype(np.uint8)
    name = str(sample.get('img_path', '')).replace('\\', '/').rpartition('/')[2]
    if 'gt_sem_seg' in sample:
        mask = np.asarray(sample.gt_sem_seg.data)[0]
        return Tile(grey, name, truth=np.where(mask == 255, 0, mask).astype(np.uint8))
    return Tile(grey, f'{name}\n{_answer(sample, classes)}')


def _answer(sample: Any, classes: Sequence[str]) -> str:
    if 'gt_score' in sample:
        values = sample.gt_score.tolist()
        if set(values) <= {0.0, 1.0}:
            return ', '.join(n for n, v in zip(classes, values, strict=True) if v) or 'none'
        return ', '.join(f'{n} {v:.4g}' for n, v in zip(classes, values, strict=True))
    return ', '.join(classes[int(label)] for label in sample.gt_label)
