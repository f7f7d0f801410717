"""Transforms, one per file: of single images [H, W, C], of pairs and of clips."""

from .band_stop_mask import BandStopMask
from .corrupt_image import CorruptImage
from .count_hidden import CountHidden
from .draw_dual_mask import DrawDualMask
from .each_frame import EachFrame
from .load_frames import LoadFrames
from .load_image_pair import LoadImagePair
from .pack_frames import PackFrames
from .pack_ultrasound import PackUltrasound
from .random_affine_crop import RandomAffineCrop
from .random_brightness_contrast import RandomBrightnessContrast
from .random_gaussian_blur import RandomGaussianBlur
from .seed_draw import SeedDraw
from .spatial_mean_mask import SpatialMeanMask

__all__ = [
    'BandStopMask',
    'CorruptImage',
    'CountHidden',
    'DrawDualMask',
    'EachFrame',
    'LoadFrames',
    'LoadImagePair',
    'PackFrames',
    'PackUltrasound',
    'RandomAffineCrop',
    'RandomBrightnessContrast',
    'RandomGaussianBlur',
    'SeedDraw',
    'SpatialMeanMask',
]
