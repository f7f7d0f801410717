"""A model as an ONNX graph that takes uint8 images, with its card."""

import io
import json
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from usfm_mm.inference.onnx_model import OnnxModel
from usfm_mm.io.atomic import write_atomic
from usfm_mm.io.card import CARD_KEY
from usfm_mm.io.optional import optional_import
from usfm_mm.models.export_graph import ExportGraph, check_exported

_OPSET = 17


def export_onnx(model: Any, target: str | os.PathLike, images: np.ndarray) -> float:
    """Write a model as ONNX: uint8 images in, probabilities, images or features out.

    Normalisation is in the graph, the number of images at once is free, and the card stands in the
    file's metadata. The file is compared with the model; one that differs is not kept.

    Args:
        model: From :func:`usfm_mm.apis.load_model`, on the CPU; one of pre-training is exported as
            its encoder, whose answer are feature vectors [B, 2 D].
        target: File to write.
        images: uint8 [B, C, height, width], B at least 2, to compare on.

    Returns:
        Largest absolute difference between the file's answers and the model's.

    Raises:
        ModuleNotFoundError: If onnx or onnxruntime is not installed.
        ValueError: If the file's answers differ by more than 0.001 of the largest answer.
    """
    content = onnx_content(model, images)
    difference = check_exported(OnnxModel(content), model, images, target)
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(target, content)
    return difference


def onnx_content(model: Any, images: np.ndarray) -> bytes:
    """Content of an ONNX file, not yet compared with the model; see :func:`export_onnx`."""
    onnx = optional_import('onnx', 'exporting a model', 'usfm-mm[export]')
    graph = ExportGraph(model.module, model.card).eval()
    inputs = torch.from_numpy(images)
    names: dict[str, Any] = dict(input_names=['images'], output_names=['answers'])
    axes: dict[str, Any] = dict(images={0: 'batch'}, answers={0: 'batch'})
    options: dict[str, Any] = {} if torch.__version__ < '2.5' else dict(dynamo=False)
    buffer: Any = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of the tracer, about sizes that are fixed
        torch.onnx.export(
            graph, (inputs,), buffer, opset_version=_OPSET, dynamic_axes=axes, **names, **options
        )
    proto = onnx.load_from_string(buffer.getvalue())
    onnx.helper.set_model_props(proto, {CARD_KEY: json.dumps(graph.card.to_dict())})
    return proto.SerializeToString()
