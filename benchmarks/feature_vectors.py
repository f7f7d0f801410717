"""Features of every block and pooling of an encoder, for ``benchmarks.feature_quality``."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from usfm_mm.apis import load_backbone

STATISTICS = ('brightness', 'contrast', 'black', 'sector', 'aspect')


@dataclass
class Images:
    """Images of several prepared data sets with what is known of each."""

    pixels: list[np.ndarray]
    organs: np.ndarray
    labels: np.ndarray
    data_sets: np.ndarray
    groups: np.ndarray
    test: np.ndarray


def read_images(root: Path) -> Images:
    """Images of the data sets prepared in folders under ``root``, such as ``root/busi``."""
    rows, pixels = [], []
    for index in sorted(root.glob('*/index.csv')):
        with index.open(encoding='utf-8', newline='') as file:
            for row in csv.DictReader(file):
                name = index.parent.name
                image = cv2.imread(str(index.parent / row['path']), cv2.IMREAD_GRAYSCALE)
                if image is None:
                    raise ValueError(f'{index.parent / row["path"]} cannot be read')
                pixels.append(image)
                group = f'{name}:{row["patient"]}'
                label = row.get('_label') or 'none'
                rows.append((row['organ'], label, name, group, row['split'] == 'test'))
    if not rows:
        raise ValueError(f'{root} holds no */index.csv: prepare data sets into it first')
    columns = (np.array(column) for column in zip(*rows, strict=True))
    return Images(pixels, *columns)


def inside(image: np.ndarray, patch: int) -> np.ndarray:
    """Patches that lie, by half or more, in the hull of what is not black: bool [h * w]."""
    points = np.argwhere(cv2.medianBlur(image, 3) > 10)[:, ::-1].astype(np.int32)
    hull = np.zeros_like(image)
    if len(points):
        cv2.fillConvexPoly(hull, cv2.convexHull(points), 1)
    height, width = (side // patch for side in image.shape)
    shares = hull.reshape(height, patch, width, patch).mean(axis=(1, 3)).ravel()
    return shares >= 0.5 if (shares >= 0.5).any() else np.ones(len(shares), bool)


def statistics(image: np.ndarray, prepared: np.ndarray) -> list[float]:
    """What :data:`STATISTICS` names, of a prepared image [H, W]; the aspect is the file's."""
    sector = inside(prepared, 16).mean()
    aspect = image.shape[1] / image.shape[0]
    return [prepared.mean(), prepared.std(), (prepared <= 10).mean(), sector, aspect]


@torch.no_grad()
def pooled(
    file: str, images: list[np.ndarray], random: bool = False, normalise: bool = False
) -> dict[str, np.ndarray]:
    """Poolings of the tokens of each block and, last, of the final norm: float32 [N, L + 1, D].

    Args:
        file: Of an encoder.
        images: Grey, of any size.
        random: New weights (seed 0) in place of the file's.
        normalise: Each image to mean 0 and standard deviation 1 instead of the file's numbers.
    """
    encoder = load_backbone(file)
    backbone: Any = encoder.backbone
    if random:
        backbone.init_cfg = None
        torch.manual_seed(0)
        backbone.init_weights()
    backbone.out_type, backbone.final_norm = 'raw', False
    backbone.out_indices = list(range(backbone.num_layers))
    found: dict[str, list] = {name: [] for name in ('class token', 'mean', 'std', 'max', 'inside')}
    for start in range(0, len(images), 32):
        prepared = np.stack([encoder.prepare(image) for image in images[start : start + 32]])
        batch = torch.from_numpy(prepared).float()
        mean, std = (torch.tensor(v).view(1, -1, 1, 1) for v in (encoder.mean, encoder.std))
        if normalise:
            mean, std = batch.mean((2, 3), True), batch.std((2, 3), keepdim=True) + 1e-3
        outputs = list(backbone((batch - mean) / std))
        tokens = torch.stack([*outputs, backbone.ln1(outputs[-1])], dim=1)  # [B, L + 1, 1 + hw, D]
        patches = tokens[:, :, 1:]
        weights = np.stack([inside(image[0], backbone.patch_size) for image in prepared])
        weights_N = torch.from_numpy(weights / weights.sum(1, keepdims=True)).float()
        found['class token'].append(tokens[:, :, 0])
        found['mean'].append(patches.mean(2))
        found['std'].append(patches.std(2, correction=0))
        found['max'].append(patches.amax(2))
        found['inside'].append(torch.einsum('blnd,bn->bld', patches, weights_N))
    return {name: torch.cat(parts).numpy() for name, parts in found.items()}
