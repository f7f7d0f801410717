"""Transforms, one per file: of single images, ``results['img']`` being [H, W, C], and of pairs."""

from .band_stop_mask import BandStopMask
from .draw_dual_mask import DrawDualMask
from .load_image_pair import LoadImagePair
from .pack_ultrasound import PackUltrasound
from .random_affine_crop import RandomAffineCrop
from .random_brightness_contrast import RandomBrightnessContrast
from .random_gaussian_blur import RandomGaussianBlur
from .seed_draw import SeedDraw
from .spatial_mean_mask import SpatialMeanMask

__all__ = [
    'BandStopMask',
    'DrawDualMask',
    'LoadImagePair',
    'PackUltrasound',
    'RandomAffineCrop',
    'RandomBrightnessContrast',
    'RandomGaussianBlur',
    'SeedDraw',
    'SpatialMeanMask',
]
