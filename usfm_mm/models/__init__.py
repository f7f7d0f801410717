"""Registered models."""

from .any_encoder import AnyEncoder
from .clip import ClipClassifier, ClipDataPreprocessor
from .data_preprocessor import DualMaskDataPreprocessor
from .enhancement.generator import USFMResnetGenerator
from .frame_pooling import AttentionFrames, MeanFrames
from .losses import FocalFrequencyLoss, focal_frequency_loss
from .mae import MAEDecoder, MAEViT, MaskedMAE
from .monai_network import MONAINetwork
from .pretrainer import USFMPretrainer
from .regression_head import RegressionHead, ValueL1Loss
from .simmim_vit import SimMIMViT
from .timm_network import TimmNetwork
from .usfm_vit import USFMViT

__all__ = [
    'AnyEncoder',
    'AttentionFrames',
    'ClipClassifier',
    'ClipDataPreprocessor',
    'DualMaskDataPreprocessor',
    'FocalFrequencyLoss',
    'MAEDecoder',
    'MAEViT',
    'MONAINetwork',
    'MaskedMAE',
    'MeanFrames',
    'RegressionHead',
    'SimMIMViT',
    'TimmNetwork',
    'USFMPretrainer',
    'USFMResnetGenerator',
    'USFMViT',
    'ValueL1Loss',
    'focal_frequency_loss',
]
