"""Feature vectors of images from an encoder, with all that an image needs on its way into it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmpretrain.models import BEiTViT
from torch import Tensor, nn

from usfm_mm.inference.features import (
    FeatureTable,
    Neighbour,
    features_of,
    nearest,
    read_features,
)
from usfm_mm.inference.frames import Pictures, frames_of
from usfm_mm.inference.onnx_model import OnnxModel
from usfm_mm.inference.prepare import prepare_for_features


@dataclass
class FeatureExtractor:
    """A backbone with all that an image needs on its way into it.

    Attributes:
        backbone: Returns a tuple of feature maps ``[B, D, h, w]`` or vectors ``[B, D]`` for
            normalised images ``[B, C, H, W]``; the last one is used.
        mean: Mean intensity of each of the C channels, 0 to 255.
        std: Standard deviation of each channel, 0 to 255.
        size: Height and width that images are resized to, pixels.
    """

    backbone: nn.Module
    mean: Sequence[float]
    std: Sequence[float]
    size: tuple[int, int]

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
        """As a call, from uint8 [B, C, H, W] to float32 [B, D] in NumPy."""
        return self(torch.from_numpy(images)).cpu().numpy()

    def __call__(self, images: Tensor) -> Tensor:
        """Feature vectors of a batch.

        Args:
            images: ``[B, C, H, W]`` uint8.

        Returns:
            ``[B, D]`` float32: the mean of the patch tokens of a feature map, or the vector
            itself.

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
            features = features.mean(dim=(2, 3))
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


def extract_features(encoder: Any, images: Pictures, batch_size: int = 32) -> np.ndarray:
    """Feature vectors of images.

    The encoder is put into eval mode meanwhile, and no gradient is kept.

    Args:
        encoder: From :func:`usfm_mm.apis.load_backbone`, or a model of
            :func:`usfm_mm.apis.load_model`, whose encoder is taken, or an exported encoder.
        images: Whatever :func:`~usfm_mm.inference.frames.frames_of` reads: paths, folders,
            patterns, uint8 arrays [H, W], [H, W, 3] (RGB) or [N, H, W], DICOM files, clips,
            volumes, of which each frame counts, or an iterable of them; read batch by batch.
        batch_size: Images per batch.

    Returns:
        ``[N, D]`` float32, in the order of the images; N = 1 for a single one.

    Raises:
        FileNotFoundError: If an image does not exist.
        ValueError: If a file is no image, an array has the wrong type, or there are no images.

    Example:
        >>> from usfm_mm.models import USFMViT
        >>> encoder = FeatureExtractor(USFMViT('tiny', 64, in_channels=1), [60.0], [40.0], (64, 64))
        >>> extract_features(encoder, np.zeros((80, 100), np.uint8)).shape
        (1, 192)
    """
    if isinstance(encoder, OnnxModel):  # says itself if it is no encoder
        return _stacked(encoder, images, batch_size)
    encoder = as_extractor(encoder)
    former = [(module, module.training) for module in encoder.backbone.modules()]
    encoder.backbone.eval()
    try:
        return _stacked(encoder, images, batch_size)
    finally:
        for module, training in former:
            module.training = training


def _stacked(encoder: Any, images: Pictures, batch_size: int) -> np.ndarray:
    features = [answer.vector for answer in features_of(encoder, frames_of(images), batch_size)]
    if not features:
        raise ValueError('extract_features got no images')
    return np.stack(features)


def similar(
    encoder: Any, images: Pictures, features: str | os.PathLike | FeatureTable, k: int = 5
) -> list[list[Neighbour]]:
    """The frames of a file of features that are nearest to images, by cosine.

    Args:
        encoder: The one that made the file; see :func:`extract_features`.
        images: As there.
        features: File of ``usfm extract-features``, or what ``read_features`` gave of it.
        k: How many of each image, the nearest first.

    Returns:
        A list for each image.

    Raises:
        FileNotFoundError: If the file or an image does not exist.
        ValueError: If the features are of another encoder, or something cannot be read.
    """
    table = features if isinstance(features, FeatureTable) else read_features(Path(features))
    return nearest(table, extract_features(encoder, images), k)


def as_extractor(model: Any) -> FeatureExtractor:
    """The encoder of a model from ``load_model``; one from ``load_backbone`` is returned."""
    if isinstance(model, FeatureExtractor):
        return model
    return extractor_of(model.module, model.card.image_size)
