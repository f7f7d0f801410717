"""Registered models."""

from .data_preprocessor import DualMaskDataPreprocessor
from .enhancement.generator import USFMResnetGenerator
from .losses import FocalFrequencyLoss, focal_frequency_loss
from .monai_network import MONAINetwork
from .pretrainer import USFMPretrainer
from .simmim_vit import SimMIMViT
from .usfm_vit import USFMViT

__all__ = [
    'DualMaskDataPreprocessor',
    'FocalFrequencyLoss',
    'MONAINetwork',
    'SimMIMViT',
    'USFMPretrainer',
    'USFMResnetGenerator',
    'USFMViT',
    'focal_frequency_loss',
]
