"""A trained model from its file, of whatever runtime."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from usfm_mm.inference.exported import ExportedModel
from usfm_mm.inference.feature_space import FEATURES
from usfm_mm.inference.onnx_model import OnnxModel

from .collecting import collecting_later

if TYPE_CHECKING:
    import torch

    from .model import LoadedModel


@collecting_later()
def load_model(
    file: str | os.PathLike, device: str | torch.device = 'cpu'
) -> LoadedModel | ExportedModel:
    """Load a model that was trained here, for any task, from its file alone.

    Nothing in the file is run, and no config, size or normalisation is needed: the file's card has
    them.

    Args:
        file: Checkpoint of a run, a file of ``usfm publish``, or one of ``usfm export``: ``.onnx``,
            which needs no torch, or ``.pt2``.
        device: Where to compute; an exported model does so on the CPU.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read, has no card, or the card does not fit the weights.
        ModuleNotFoundError: If the package that the model is of is not installed.

    Example:
        .. code-block:: python

            model = load_model('work_dirs/seg/best_DSC_epoch_20.pth')
            [answer] = segment(model, 'scan.png')
    """
    if Path(file).suffix == '.onnx':
        return OnnxModel(file)
    if is_exported(file):
        from .program_model import ProgramModel

        return ProgramModel(file)
    from .model import load_checkpoint

    return load_checkpoint(file, device)


def is_exported(file: str | os.PathLike) -> bool:
    """Whether a file is one of ``usfm export``, by its name; such a model runs on the CPU.

    Example:
        >>> is_exported('head.onnx'), is_exported('head.safetensors')
        (True, False)
    """
    return Path(file).suffix in ('.onnx', '.pt2')


@collecting_later()
def device_for(file: str | os.PathLike, wanted: str | None = None) -> str:
    """Where a model computes: as wanted, else on the GPU where there is one and it can."""
    if wanted or is_exported(file):  # which asks for no torch
        return wanted or 'cpu'
    import torch

    from usfm_mm.compat import quiet_imports

    quiet_imports()
    return 'cuda' if torch.cuda.is_available() else 'cpu'


@collecting_later()
def load_encoder(file: str, device: str | None = None, features: str | None = None) -> Any:
    """An encoder of ``usfm export``, else of any layout.

    Args:
        file: As a command gets it.
        device: As :func:`device_for` takes it.
        features: As :func:`~usfm_mm.apis.load_backbone` takes it; an exported one has one kind.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read, or was exported with other features.
    """
    if is_exported(file):
        exported: Any = load_model(file)
        if features not in (None, exported.features):
            raise ValueError(
                f'{file} gives features {exported.features!r}, not {features!r}: extract the '
                'features anew with it'
            )
        return exported
    where = device_for(file, device)  # which keeps the hosts quiet
    from .backbone import load_backbone

    return load_backbone(file, device=where, features=features or FEATURES)
