"""Draws which patches and frequency bands to mask; the data preprocessor masks."""

import math

import numpy as np
from mmcv.transforms import BaseTransform

from usfm_mm.registry import TRANSFORMS


def draw_patch_mask(rows: int, columns: int, ratio: float) -> np.ndarray:
    """Draw ``ceil(ratio * n)`` of the n patches of a grid, from NumPy's global generator.

    Returns:
        ``[rows, columns]`` bool, True = masked.
    """
    count = rows * columns
    mask = np.zeros(count, dtype=bool)
    mask[np.random.permutation(count)[: math.ceil(ratio * count)]] = True
    return mask.reshape(rows, columns)


def draw_bands(num_bands: int, num_stopped: int) -> np.ndarray:
    """Draw ``num_stopped`` of ``num_bands`` without replacement, from NumPy's global generator.

    Returns:
        ``[num_bands]`` bool, True = stopped.
    """
    bands = np.zeros(num_bands, dtype=bool)
    bands[np.random.permutation(num_bands)[:num_stopped]] = True
    return bands


def patch_grid(shape: tuple[int, ...], mask_size: int) -> tuple[int, int]:
    """Rows and columns of mask patches of an image ``[H, W, ...]``.

    Raises:
        ValueError: If ``mask_size`` does not divide the image.
    """
    height, width = shape[:2]
    if height % mask_size or width % mask_size:
        raise ValueError(
            f'image size {height}x{width} is not a multiple of the mask patch ({mask_size} '
            'pixels): crop to a multiple, or change mask_size'
        )
    return height // mask_size, width // mask_size


@TRANSFORMS.register_module()
class DrawDualMask(BaseTransform):
    """Draw the masks of Eq. 2 and Eq. 7 for an image without touching it.

    The image stays uint8 on its way to the accelerator, where ``DualMaskDataPreprocessor`` masks
    the whole batch. Reads ``img``; adds ``patch_mask``, ``[h, w]`` bool, and, unless
    ``num_stopped`` is 0, ``bands``, ``[num_bands]`` bool.

    Args:
        mask_size: Side of a mask patch, pixels; divides the image.
        mask_ratio: Share of masked patches, 0 to 1; their number is rounded up.
        num_bands: Number of frequency bands.
        num_stopped: How many of them are masked; 0 for no mask in frequency (USFM-woF).

    Raises:
        ValueError: If an argument is out of range, or ``mask_size`` does not divide an image.
    """

    def __init__(
        self,
        mask_size: int = 32,
        mask_ratio: float = 0.4,
        num_bands: int = 7,
        num_stopped: int = 2,
    ) -> None:
        if not 0 <= mask_ratio <= 1 or not 0 <= num_stopped <= num_bands or mask_size < 1:
            raise ValueError(
                'DrawDualMask needs mask_size >= 1, 0 <= mask_ratio <= 1 and '
                f'0 <= num_stopped <= num_bands, got {mask_size=}, {mask_ratio=}, '
                f'{num_bands=}, {num_stopped=}'
            )
        self.mask_size = mask_size
        self.mask_ratio = mask_ratio
        self.num_bands = num_bands
        self.num_stopped = num_stopped

    def transform(self, results: dict) -> dict:
        """Add the draws.

        Args:
            results: With ``img``, ``[H, W, C]``.
        """
        grid = patch_grid(results['img'].shape, self.mask_size)
        results['patch_mask'] = draw_patch_mask(*grid, self.mask_ratio)
        if self.num_stopped:
            results['bands'] = draw_bands(self.num_bands, self.num_stopped)
        return results
