"""Brightness and contrast as one lookup table."""

from collections.abc import Sequence

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from usfm_mm.registry import TRANSFORMS

_LEVELS = np.arange(256, dtype=np.float32)


@TRANSFORMS.register_module()
class RandomBrightnessContrast(BaseTransform):
    """Change contrast about the image's mean, then brightness: b·(m + c·(x − m)), rounded.

    Being one function of the grey level, it is a table of 256 entries, looked up once per pixel.
    The paper (3.1) gives no strengths; the defaults are mild.

    Args:
        brightness: Range of the factor b.
        contrast: Range of the factor c.

    Raises:
        ValueError: A range is negative or not ordered.
    """

    def __init__(
        self, brightness: Sequence[float] = (0.8, 1.2), contrast: Sequence[float] = (0.8, 1.2)
    ) -> None:
        for name, factors in (('brightness', brightness), ('contrast', contrast)):
            if not 0 <= factors[0] <= factors[1]:
                raise ValueError(f'{name} must be (lowest, highest), not negative, got {factors}')
        self.brightness = tuple(brightness)
        self.contrast = tuple(contrast)

    def transform(self, results: dict) -> dict:
        """Change ``img``, uint8 [H, W, C]."""
        image = results['img']
        u, v = np.random.random_sample(2).tolist()
        brightness = self.brightness[0] + u * (self.brightness[1] - self.brightness[0])
        contrast = self.contrast[0] + v * (self.contrast[1] - self.contrast[0])
        # The channels are equal where there are three.
        mean = cv2.mean(image)[0]
        table = brightness_contrast_table(brightness, contrast, mean)
        results['img'] = cv2.LUT(image, table).reshape(image.shape)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(brightness={self.brightness}, contrast={self.contrast})'


def brightness_contrast_table(brightness: float, contrast: float, mean: float) -> np.ndarray:
    """Grey levels clip(round(b·(m + c·(x − m))), 0, 255) for x = 0 … 255, uint8 [256]."""
    levels = _LEVELS * (brightness * contrast)
    levels += brightness * (1 - contrast) * mean
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)
