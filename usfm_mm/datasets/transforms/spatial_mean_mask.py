"""Spatial mean mask of a single image, for any existing pipeline."""

import numpy as np
import torch
from mmcv.transforms import BaseTransform

from usfm_mm.datasets.transforms.draw_dual_mask import draw_patch_mask, patch_grid
from usfm_mm.masking import spatial_mean_mask
from usfm_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class SpatialMeanMask(BaseTransform):
    """Fill randomly drawn patches of ``img`` with the image's mean (Eq. 2).

    Uses ``patch_mask`` where an earlier transform drew one, and else draws and adds it. Intensities
    are 0 to 255; the result is float32.

    Args:
        mask_size: Side of a mask patch, pixels; divides the image.
        mask_ratio: Share of masked patches, 0 to 1; their number is rounded up.

    Raises:
        ValueError: If ``mask_size`` does not divide an image.
    """

    def __init__(self, mask_size: int = 32, mask_ratio: float = 0.4) -> None:
        self.mask_size = mask_size
        self.mask_ratio = mask_ratio

    def transform(self, results: dict) -> dict:
        """Mask ``img``, ``[H, W, C]`` or ``[H, W]``, 0 to 255."""
        if 'patch_mask' not in results:
            grid = patch_grid(results['img'].shape, self.mask_size)
            results['patch_mask'] = draw_patch_mask(*grid, self.mask_ratio)
        patch_mask = torch.from_numpy(results['patch_mask'])[None]
        image = to_batch(results['img'])
        results['img'] = from_batch(spatial_mean_mask(image, patch_mask), results['img'].ndim)
        return results


def to_batch(image: np.ndarray) -> torch.Tensor:
    """``[H, W]`` or ``[H, W, C]``, 0 to 255, as a float batch ``[1, C, H, W]`` in [0, 1]."""
    channels_last = image if image.ndim == 3 else image[..., None]
    return torch.from_numpy(np.ascontiguousarray(channels_last.transpose(2, 0, 1)))[None] / 255


def from_batch(images: torch.Tensor, ndim: int) -> np.ndarray:
    """The inverse of :func:`to_batch`, as float32 with 2 or 3 dimensions."""
    image = (images[0] * 255).permute(1, 2, 0).numpy()
    return image if ndim == 3 else image[..., 0]
