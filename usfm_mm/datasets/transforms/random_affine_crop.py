"""Rotation, scaling, cropping and resizing in one pass."""

import math
from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness

from usfm_mm.io.warp import warp_window
from usfm_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomAffineCrop(BaseTransform):
    """Cut a random, rotated window out of the image and resize it, as one affine warp.

    The window has ``scale`` times the image's area and ``ratio`` times its aspect ratio, so that
    ``rotation=(0, 0), scale=(1, 1), ratio=(1, 1)`` is a plain resize of the whole image, random in
    nothing: that is the transform for validation. Unrotated, the window lies inside the image;
    what a rotated one sees of the outside is black, as the surround of an ultrasound fan is.
    Interpolation is bilinear. Where the image is reduced twofold or more, it is first reduced by
    a whole factor with area averaging, against aliasing.

    The paper (3.1) names rotation, scaling and cropping but no strengths. The defaults are mild:
    SimMIM's scale and aspect ratio, and the tilt of a hand-held probe.

    Args:
        size: Output height and width in pixels, or one number for both.
        rotation: Range of angles in degrees, positive is counter-clockwise.
        scale: Range of the window's share of the image's area, in (0, 1].
        ratio: Range of the window's width over height, relative to the image's; drawn evenly in
            its logarithm. A window wider or higher than the image is cut to it.

    Raises:
        ValueError: A range is not ordered or leaves its limits.
    """

    def __init__(
        self,
        size: int | Sequence[int] = 224,
        rotation: Sequence[float] = (-15.0, 15.0),
        scale: Sequence[float] = (0.67, 1.0),
        ratio: Sequence[float] = (3 / 4, 4 / 3),
    ) -> None:
        sides = [size, size] if isinstance(size, int) else list(size)
        if len(sides) != 2 or min(sides) < 1:
            raise ValueError(f'size must be one or two positive numbers, got {size}')
        self.size = (sides[0], sides[1])
        if not rotation[0] <= rotation[1]:
            raise ValueError(f'rotation must be (lowest, highest), got {rotation}')
        if not 0 < scale[0] <= scale[1] <= 1:
            raise ValueError(f'scale must be (lowest, highest) in (0, 1], got {scale}')
        if not 0 < ratio[0] <= ratio[1]:
            raise ValueError(f'ratio must be (lowest, highest) and positive, got {ratio}')
        self.rotation = tuple(rotation)
        self.scale = tuple(scale)
        self.ratio = tuple(ratio)

    def transform(self, results: dict) -> dict:
        """Warp ``img`` [H, W, C] to [size, C]; sets ``img_shape``."""
        image = results['img']
        height, width = image.shape[:2]
        angle, crop_height, crop_width, center_x, center_y = self._draw(height, width)
        window, center = (crop_height, crop_width), (center_x, center_y)
        warped = warp_window(image, self.size, window, center, angle)
        # OpenCV drops a last axis of length 1.
        results['img'] = warped[..., None] if warped.ndim == 2 else warped
        results['img_shape'] = self.size
        return results

    @cache_randomness  # mmcv's TransformBroadcaster warps the two images of a pair alike
    def _draw(self, height: int, width: int) -> tuple[float, float, float, float, float]:
        u = np.random.random_sample(5).tolist()
        angle = self.rotation[0] + u[0] * (self.rotation[1] - self.rotation[0])
        scale = self.scale[0] + u[1] * (self.scale[1] - self.scale[0])
        ratio = self.ratio[0] * (self.ratio[1] / self.ratio[0]) ** u[2]
        crop_width = width * min(math.sqrt(scale * ratio), 1.0)
        crop_height = height * min(math.sqrt(scale / ratio), 1.0)
        center_x = crop_width / 2 + u[3] * (width - crop_width)
        center_y = crop_height / 2 + u[4] * (height - crop_height)
        return angle, crop_height, crop_width, center_x, center_y

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(size={self.size}, rotation={self.rotation}, '
            f'scale={self.scale}, ratio={self.ratio})'
        )
