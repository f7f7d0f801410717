"""Worse test images, to see what a model makes of them."""

import zlib
from pathlib import Path

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from usfm_mm.converters.corruption import corrupt
from usfm_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class CorruptImage(BaseTransform):
    """Makes an image worse (:func:`~usfm_mm.converters.corruption.corrupt`), always in one way.

    What is drawn by chance depends on the file's name alone, so that all models, in whatever
    process, see the same. Where colours differ, the image becomes grey.

    Args:
        kind: ``'speckle'``, ``'gain'``, ``'shadow'`` or ``'resolution'``.
        severity: 1 to 5.
    """

    def __init__(self, kind: str, severity: int) -> None:
        self.kind, self.severity = kind, severity
        corrupt(np.zeros((2, 2), np.uint8), kind, severity, np.random.default_rng(0))

    def transform(self, results: dict) -> dict:
        """Change ``img``, uint8 ``[H, W]`` or ``[H, W, C]``, of the file ``img_path``."""
        image = results['img']
        seed = zlib.crc32(Path(results['img_path']).name.encode())
        grey = image
        if image.ndim == 3:
            grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if image.shape[2] == 3 else image[..., 0]
        worse = corrupt(grey, self.kind, self.severity, np.random.default_rng(seed))
        if image.ndim == 3:
            worse = np.repeat(worse[..., None], image.shape[2], axis=2)
        results['img'] = worse
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(kind={self.kind!r}, severity={self.severity})'
