"""A model as one module from uint8 images to answers, as exporters take it."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from usfm_mm.io.card import Card
from usfm_mm.models.features import extractor_of
from usfm_mm.models.outputs import answers_to

_TOLERANCE = 1e-3  # of probabilities, of intensities in [0, 1] and of features, relative to these


class ExportGraph(nn.Module):
    """Normalisation, network and probabilities; of pre-training the encoder, up to its vector.

    Args:
        module: The host's model in eval mode, which is copied.
        card: Its card.

    Attributes:
        card: That of the graph, which tells what an encoder's vectors are made of.
    """

    def __init__(self, module: Any, card: Card) -> None:
        super().__init__()
        module = copy.deepcopy(module)
        for parent in module.modules():
            for name, child in parent.named_children():
                if isinstance(child, nn.AdaptiveAvgPool2d):
                    setattr(parent, name, _PoolByMatrix(child.output_size))
        self.module, self.task = module, card.task
        self.encoder = extractor_of(module, card.image_size) if card.task == 'pretrain' else None
        self.card = replace(card, features=self.encoder.features) if self.encoder else card

    def forward(self, images: Tensor) -> Tensor:
        """Answers float32 [B, ...] of uint8 [B, C, height, width]."""
        if self.encoder is not None:
            return self.encoder(images)
        return answers_to(self.module, self.task, images)


class _PoolByMatrix(nn.Module):
    """Adaptive average pooling of a known size, which ONNX has for whole ratios only."""

    def __init__(self, size: Any) -> None:
        super().__init__()
        self.size = (size, size) if isinstance(size, int) else size

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = (
            pooling_matrix(int(length), wanted)
            for length, wanted in zip(x.shape[-2:], self.size, strict=True)
        )
        return rows @ x @ columns.T


def pooling_matrix(length: int, wanted: int | None) -> Tensor:
    """Matrix [wanted, length] whose rows average the windows of adaptive pooling."""
    wanted = length if wanted is None else wanted
    matrix = torch.zeros(wanted, length)
    for row in range(wanted):
        start, end = row * length // wanted, -(-(row + 1) * length // wanted)
        matrix[row, start:end] = 1 / (end - start)
    return matrix


def answers_of(model: Any, images: np.ndarray) -> np.ndarray:
    """Of the model as it is, without what the graph has in place of its parts."""
    if model.card.task == 'pretrain':
        return model.encode(images)
    return model(images)


def check_exported(exported: Any, model: Any, images: np.ndarray, name: Any) -> float:
    """Compare an exported model with its model, on all images at once and on the first alone.

    Args:
        exported: With ``answer``.
        model: From :func:`usfm_mm.apis.load_model`.
        images: uint8 [B, C, height, width].
        name: Of the file, for the message.

    Returns:
        Largest absolute difference between their answers.

    Raises:
        ValueError: If it is more than 0.001 of the largest answer.
    """
    expected = answers_of(model, images)
    found = np.concatenate([exported.answer(images), exported.answer(images[:1])])
    difference = float(np.abs(found - np.concatenate([expected, expected[:1]])).max())
    if not difference <= _TOLERANCE * max(1.0, float(np.abs(expected).max())):
        raise ValueError(f'{name}: the exported file differs from the model by {difference:.2g}')
    return difference
