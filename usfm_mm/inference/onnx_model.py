"""An exported model through ONNX Runtime: neither torch nor OpenMMLab is needed."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from usfm_mm.inference.prepare import prepare_for_features
from usfm_mm.io.card import CARD_KEY, Card
from usfm_mm.io.optional import optional_import


class OnnxModel:
    """A network with its card, as the functions of :mod:`usfm_mm.apis` take it.

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
        runtime = optional_import('onnxruntime', 'an ONNX file', 'onnxruntime')
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
        if card is None:
            told = self._session.get_modelmeta().custom_metadata_map.get(CARD_KEY)
            if told is None:
                raise ValueError(f'{_name(file)} has no card: export it with "usfm export"')
            card = Card.from_dict(json.loads(told))
        self.card = card

    def answer(self, images: np.ndarray) -> np.ndarray:
        """What the graph makes of uint8 [B, C, height, width]: float32 [B, ...]."""
        return self._session.run(None, {'images': np.ascontiguousarray(images)})[0]

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Answers of a task's model; see :class:`~usfm_mm.inference.predict.Model`.

        Raises:
            ValueError: If it is an encoder.
        """
        if self.card.task == 'pretrain':
            raise ValueError('an exported encoder gives no answers of its own: take its features')
        return self.answer(images)

    def rebuild(self, *_: Any) -> Any:
        """Not in the graph.

        Raises:
            ValueError: Always.
        """
        raise ValueError('an exported encoder cannot reconstruct: take the checkpoint')

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """uint8 [H, W] or [H, W, 3] to uint8 [C, height, width], for features."""
        assert self.card.image_size is not None
        return prepare_for_features(image, self.card.channels, self.card.image_size)

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Feature vectors float32 [B, D] of uint8 [B, C, height, width].

        Raises:
            ValueError: If it is no encoder.
        """
        if self.card.task != 'pretrain':
            raise ValueError(f'a model for {self.card.task!r} gives no features')
        return self.answer(images)


def _name(file: Any) -> str:
    return 'it' if isinstance(file, bytes) else str(file)
