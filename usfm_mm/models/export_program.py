"""A model as a program of ``torch.export``, with its card."""

import io
import json
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from usfm_mm.apis.program_model import CARD_FILE, ProgramModel, check_torch
from usfm_mm.io.atomic import write_atomic
from usfm_mm.models.export_graph import ExportGraph, check_exported

_MOST_IMAGES = 4096


def export_program(model: Any, target: str | os.PathLike, images: np.ndarray) -> float:
    """Write a model as a program of ``torch.export``; as :func:`~.export.export_onnx` otherwise.

    Args:
        model: From :func:`usfm_mm.apis.load_model`, on the CPU.
        target: File to write.
        images: uint8 [B, C, height, width], B at least 2, to compare on.

    Returns:
        Largest absolute difference between the file's answers and the model's.

    Raises:
        ValueError: If this torch is too old, or the answers differ by more than 0.001 of the
            largest one.
    """
    check_torch(target)
    graph = ExportGraph(model.module, model.card).eval()
    batch = torch.export.Dim('batch', min=1, max=_MOST_IMAGES)
    inputs = (torch.from_numpy(images),)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        program = torch.export.export(graph, inputs, dynamic_shapes=({0: batch},), strict=False)
        program._example_inputs = None  # pictures, perhaps of patients
        for node in program.graph.nodes:
            node.meta.pop('stack_trace', None)  # paths of this machine
        buffer = io.BytesIO()
        card = json.dumps(graph.card.to_dict())
        torch.export.save(program, buffer, extra_files={CARD_FILE: card})
    content = buffer.getvalue()
    difference = check_exported(ProgramModel(content), model, images, target)
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(target, content)
    return difference
