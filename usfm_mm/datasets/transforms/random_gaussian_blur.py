"""Gaussian blur with a small kernel."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from usfm_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomGaussianBlur(BaseTransform):
    """Blur the image with a given probability.

    The kernel ends at 2.5 σ, where it has fallen to 4 %: three or five pixels wide for the
    default σ. The paper (3.1) gives no strengths; the defaults are mild, since speckle is what
    the frequency masks teach.

    Args:
        prob: Probability to blur.
        sigma: Range of the standard deviation in pixels.

    Raises:
        ValueError: ``prob`` is outside [0, 1], or ``sigma`` is not ordered or not positive.
    """

    def __init__(self, prob: float = 0.5, sigma: Sequence[float] = (0.1, 0.8)) -> None:
        if not 0 <= prob <= 1:
            raise ValueError(f'prob must be in [0, 1], got {prob}')
        if not 0 < sigma[0] <= sigma[1]:
            raise ValueError(f'sigma must be (lowest, highest) and positive, got {sigma}')
        self.prob = prob
        self.sigma = tuple(sigma)

    def transform(self, results: dict) -> dict:
        """Blur ``img``, [H, W, C]."""
        u, v = np.random.random_sample(2).tolist()
        if u < self.prob:
            image = results['img']
            sigma = self.sigma[0] + v * (self.sigma[1] - self.sigma[0])
            results['img'] = gaussian_blur(image, sigma).reshape(image.shape)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(prob={self.prob}, sigma={self.sigma})'


def gaussian_blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Convolve [H, W] or [H, W, C] with a Gaussian cut at 2.5 σ; the border is mirrored."""
    width = 2 * math.ceil(2.5 * sigma) + 1
    return cv2.GaussianBlur(image, (width, width), sigma)
