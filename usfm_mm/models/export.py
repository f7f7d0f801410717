"""A model as an ONNX graph that takes uint8 images, with its card."""

import copy
import io
import json
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from usfm_mm.inference.onnx_model import OnnxModel
from usfm_mm.io.atomic import write_atomic
from usfm_mm.io.card import CARD_KEY, Card
from usfm_mm.io.optional import optional_import
from usfm_mm.models.features import extractor_of
from usfm_mm.models.outputs import answers_to

_OPSET = 17
_TOLERANCE = 1e-3  # of probabilities, of intensities in [0, 1] and of features, relative to these


def export_onnx(model: Any, target: str | os.PathLike, images: np.ndarray) -> float:
    """Write a model as ONNX: uint8 images in, probabilities, images or features out.

    Normalisation is in the graph, the number of images at once is free, and the card stands in the
    file's metadata. The file is compared with the model on all images at once and on the first
    alone; one that differs is not kept.

    Args:
        model: From :func:`usfm_mm.apis.load_model`, on the CPU; one of pre-training is exported as
            its encoder, whose answer are feature vectors [B, D].
        target: File to write.
        images: uint8 [B, C, height, width], B at least 2, to compare on.

    Returns:
        Largest absolute difference between the file's answers and the model's.

    Raises:
        ModuleNotFoundError: If onnx or onnxruntime is not installed.
        ValueError: If the file's answers differ by more than 0.001 of the largest answer.
    """
    onnx = optional_import('onnx', 'exporting a model', 'onnx')
    card, target = model.card, Path(target)
    graph = _Graph(copy.deepcopy(model.module), card).eval()
    inputs = torch.from_numpy(images)
    names: dict[str, Any] = dict(input_names=['images'], output_names=['answers'])
    axes: dict[str, Any] = dict(images={0: 'batch'}, answers={0: 'batch'})
    options: dict[str, Any] = {} if torch.__version__ < '2.5' else dict(dynamo=False)
    buffer: Any = io.BytesIO()
    expected = _answers(model, images)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of the tracer, about sizes that are fixed
        torch.onnx.export(
            graph, (inputs,), buffer, opset_version=_OPSET, dynamic_axes=axes, **names, **options
        )
    proto = onnx.load_from_string(buffer.getvalue())
    onnx.helper.set_model_props(proto, {CARD_KEY: json.dumps(card.to_dict())})
    content = proto.SerializeToString()
    run = OnnxModel(content, card).answer
    found = np.concatenate([run(images), run(images[:1])])
    difference = float(np.abs(found - np.concatenate([expected, expected[:1]])).max())
    if not difference <= _TOLERANCE * max(1.0, float(np.abs(expected).max())):
        raise ValueError(f'{target}: the ONNX file differs from the model by {difference:.2g}')
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(target, content)
    return difference


def _answers(model: Any, images: np.ndarray) -> np.ndarray:
    """Of the model as it is, without what the graph has in place of its parts."""
    if model.card.task == 'pretrain':
        return model.encode(images)
    return model(images)


class _Graph(nn.Module):
    def __init__(self, module: Any, card: Card) -> None:
        super().__init__()
        for parent in module.modules():
            for name, child in parent.named_children():
                if isinstance(child, nn.AdaptiveAvgPool2d):
                    setattr(parent, name, _PoolByMatrix(child.output_size))
        self.module, self.task = module, card.task
        self.encoder = extractor_of(module, card.image_size) if card.task == 'pretrain' else None

    def forward(self, images: Tensor) -> Tensor:
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
            _pooling(int(length), wanted)
            for length, wanted in zip(x.shape[-2:], self.size, strict=True)
        )
        return rows @ x @ columns.T


def _pooling(length: int, wanted: int | None) -> Tensor:
    """Matrix [wanted, length] whose rows average the windows of adaptive pooling."""
    wanted = length if wanted is None else wanted
    matrix = torch.zeros(wanted, length)
    for row in range(wanted):
        start, end = row * length // wanted, -(-(row + 1) * length // wanted)
        matrix[row, start:end] = 1 / (end - start)
    return matrix
