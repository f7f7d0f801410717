"""An exported model through ONNX Runtime: neither torch nor OpenMMLab is needed."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from usfm_mm.inference.exported import ExportedModel
from usfm_mm.io.card import CARD_KEY, Card
from usfm_mm.io.optional import optional_import

INT8_KEY = 'usfm_int8'
"""Metadata of a graph that was quantised."""


class OnnxModel(ExportedModel):
    """An ONNX file of ``usfm export``.

    A quantised one is asked about one image at a time, since it takes the scale of its intensities
    from the whole batch: so an answer does not depend on what else is asked.

    Args:
        file: ONNX file of ``usfm export``, or its content.
        card: By default the one in the file.

    Raises:
        FileNotFoundError: If there is no such file.
        ModuleNotFoundError: If onnxruntime is not installed.
        ValueError: If it is no ONNX file, or has no card.
    """

    def __init__(self, file: str | os.PathLike | bytes, card: Card | None = None) -> None:
        # ONNX Runtime writes a device id and looks up a host from its import on.
        os.environ['ORT_DISABLE_TELEMETRY'] = '1'
        runtime = optional_import('onnxruntime', 'an ONNX file', 'usfm-mm[infer]')
        if not isinstance(file, bytes) and not Path(file).is_file():
            raise FileNotFoundError(f'{file} does not exist or is not a file')
        content = file if isinstance(file, bytes) else str(file)
        try:
            self._session = runtime.InferenceSession(content, providers=['CPUExecutionProvider'])
        except Exception as error:  # it has an exception of its own for each failure
            raise ValueError(
                f'{_name(file)} cannot be read as an ONNX file: copy it again, or make it again '
                f'with "usfm export" ({(str(error).splitlines() or [""])[0]})'
            ) from error
        metadata = self._session.get_modelmeta().custom_metadata_map
        self._one_by_one = INT8_KEY in metadata
        if card is None:
            told = metadata.get(CARD_KEY)
            if told is None:
                raise ValueError(f'{_name(file)} has no card: export it with "usfm export"')
            card = Card.from_dict(json.loads(told))
        self.card = card

    def answer(self, images: np.ndarray) -> np.ndarray:
        """What the graph makes of uint8 [B, C, height, width]: float32 [B, ...]."""
        parts = np.split(images, len(images)) if self._one_by_one else [images]
        return np.concatenate(
            [self._session.run(None, {'images': np.ascontiguousarray(part)})[0] for part in parts]
        )


def _name(file: Any) -> str:
    return 'it' if isinstance(file, bytes) else str(file)
