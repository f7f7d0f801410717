"""Feature vectors of images from an encoder, with all that an image needs on its way into it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmpretrain.models import BEiTViT
from torch import Tensor, nn

from usfm_mm.inference.feature_space import FEATURES
from usfm_mm.inference.prepare import prepare_for_features
from usfm_mm.models.pooling import pool_map


@dataclass
class FeatureExtractor:
    """A backbone with all that an image needs on its way into it.

    Attributes:
        backbone: Returns a tuple of feature maps ``[B, D, h, w]`` or vectors ``[B, D]`` for
            normalised images ``[B, C, H, W]``; the last one is used.
        mean: Mean intensity of each of the C channels, 0 to 255.
        std: Standard deviation of each channel, 0 to 255.
        size: Height and width that images are resized to, pixels.
        pooling: What is made of a feature map, ``'mean+std'`` or ``'mean'``; see
            :func:`~usfm_mm.models.pooling.pool_map`.
    """

    backbone: nn.Module
    mean: Sequence[float]
    std: Sequence[float]
    size: tuple[int, int]
    pooling: str = FEATURES

    @property
    def features(self) -> str:
        """What the vectors are made of; ``'mean'`` where the backbone gives one of its own."""
        maps = getattr(self.backbone, 'out_type', 'featmap') == 'featmap'
        return self.pooling if maps else 'mean'

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """Resize an image and give it the encoder's number of channels.

        Args:
            image: ``[H, W]`` or ``[H, W, C]`` uint8, C 1 or 3 (RGB).

        Returns:
            ``[C, height, width]`` uint8. Three channels become one by the usual luma weights; one
            becomes three equal ones.

        Raises:
            ValueError: If the image has another number of channels or isn't uint8.
        """
        return prepare_for_features(image, len(self.mean), self.size)

    @torch.no_grad()
    def encode(self, images: np.ndarray) -> np.ndarray:
        """As a call, from uint8 [B, C, H, W] to float32 vectors in NumPy, in eval mode."""
        former = [(module, module.training) for module in self.backbone.modules()]
        self.backbone.eval()
        try:
            return self(torch.from_numpy(images)).cpu().numpy()
        finally:
            for module, training in former:
                module.training = training

    def __call__(self, images: Tensor) -> Tensor:
        """Feature vectors of a batch.

        Args:
            images: ``[B, C, H, W]`` uint8.

        Returns:
            float32: what ``pooling`` makes of a feature map, ``[B, 2 D]`` or ``[B, D]``, or the
            backbone's vector itself.

        Raises:
            ValueError: If the backbone returns neither.
        """
        parameter = next(self.backbone.parameters())
        mean, std = (
            torch.tensor(values, dtype=torch.float32, device=parameter.device).view(-1, 1, 1)
            for values in (self.mean, self.std)
        )
        images = (images.to(parameter.device).float() - mean) / std
        features = self.backbone(images.to(parameter.dtype))[-1]
        if features.ndim == 4:
            features = pool_map(features, self.pooling)
        if features.ndim != 2:
            raise ValueError(
                f'the backbone returns {tuple(features.shape)}: use out_type '
                "'featmap', 'avg_featmap' or 'cls_token'"
            )
        return features.float()


def extractor_of(model: Any, size: tuple[int, int] | None = None) -> FeatureExtractor:
    """Extractor of a model of any OpenMMLab host, sharing its weights.

    Args:
        model: With ``backbone`` and a ``data_preprocessor`` with ``mean`` and ``std``.
        size: Height and width images are resized to; by default the backbone's ``img_size``.
    """
    preprocessor = model.data_preprocessor
    mean, std = (
        torch.as_tensor(values).flatten().tolist()
        for values in (preprocessor.mean, preprocessor.std)
    )
    # DualMaskDataPreprocessor keeps them on the scale of its intensities, [0, 1].
    if hasattr(preprocessor, 'to_unit'):
        mean, std = [255 * value for value in mean], [255 * value for value in std]
    backbone = model.backbone
    if size is None:
        size = tuple(backbone.img_size) if isinstance(backbone, BEiTViT) else (224, 224)
    return FeatureExtractor(backbone, mean, std, size)
