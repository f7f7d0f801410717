"""A program of ``torch.export``: PyTorch alone runs it."""

import io
import json
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from usfm_mm.inference.exported import ExportedModel
from usfm_mm.io.card import CARD_KEY, Card

CARD_FILE = f'{CARD_KEY}.json'
"""Of a program's extra files, the card."""

_LEAST = (2, 6)


class ProgramModel(ExportedModel):
    """A ``.pt2`` file of ``usfm export``, on the CPU.

    ``torch.export.load`` falls back to unpickling in places, and so a file of somebody else's may
    run code, which an ONNX file does not.

    Args:
        file: Of ``usfm export``, or its content.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If this torch is too old, it is no such file, or it has no card.
    """

    def __init__(self, file: str | os.PathLike | bytes) -> None:
        name = 'it' if isinstance(file, bytes) else str(file)
        check_torch(name)
        if not isinstance(file, bytes) and not Path(file).is_file():
            raise FileNotFoundError(f'{file} does not exist or is not a file')
        content = io.BytesIO(file) if isinstance(file, bytes) else str(file)
        told: Any = {CARD_FILE: ''}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter('ignore')
                self._run = torch.export.load(content, extra_files=told).module()
        except Exception as error:  # zip, JSON and schema have exceptions of their own
            raise ValueError(
                f'{name} cannot be read as an exported program: copy it again, or make it again '
                f'with "usfm export" and this torch ({(str(error).splitlines() or [""])[0][:120]})'
            ) from error
        if not told[CARD_FILE]:
            raise ValueError(f'{name} has no card: export it with "usfm export"')
        self.card = Card.from_dict(json.loads(told[CARD_FILE]))

    @torch.no_grad()
    def answer(self, images: np.ndarray) -> np.ndarray:
        """What the program makes of uint8 [B, C, height, width]: float32 [B, ...]."""
        return self._run(torch.from_numpy(np.ascontiguousarray(images))).numpy()


def check_torch(name: Any) -> None:
    """Refuse a torch whose exporter knows no number of images that is free.

    Raises:
        ValueError: With the version and what to do.
    """
    version = tuple(int(part) for part in torch.__version__.split('.')[:2])
    if version < _LEAST:
        raise ValueError(
            f'{name}: programs of torch.export need torch {".".join(map(str, _LEAST))} or later, '
            f'for any number of images at once; this is {torch.__version__}: take --format onnx'
        )
