"""Feature vectors of images from an encoder, with all that an image needs on its way into it."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmpretrain.models import BEiTViT
from torch import Tensor, nn

from usfm_mm.io.image import bits_of_set, decode_samples, to_8_bits
from usfm_mm.io.image_file import IMAGE_EXTENSIONS, BadImageError, read_file

Images = str | os.PathLike | np.ndarray | Iterable[str | os.PathLike | np.ndarray]


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
        if image.dtype != np.uint8 or image.ndim not in (2, 3):
            raise ValueError(
                f'images must be uint8 [H, W] or [H, W, C], got {image.dtype} {image.shape}'
            )
        if image.ndim == 3 and image.shape[2] == 1:
            image = image[..., 0]
        grey = image.ndim == 2
        if not grey and image.shape[2] != 3:
            raise ValueError(f'images must have 1 or 3 channels, got {image.shape[2]}')
        if len(self.mean) == 1 and not grey:
            image = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        elif len(self.mean) == 3 and grey:
            image = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
        height, width = self.size
        # Averaging where the image shrinks: bilinear would skip pixels and alias the speckle.
        shrinks = image.shape[0] * image.shape[1] > height * width
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        image = cv2.resize(image, (width, height), interpolation=how)
        return image[None] if image.ndim == 2 else image.transpose(2, 0, 1)

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


def extract_features(encoder: FeatureExtractor, images: Images, batch_size: int = 32) -> np.ndarray:
    """Feature vectors of images.

    The encoder is put into eval mode meanwhile, and no gradient is kept.

    Args:
        encoder: From :func:`usfm_mm.apis.load_backbone`.
        images: Path of an image or of a folder, whose images are taken in the order of their names,
            not those of folders in it; array ``[H, W]``, ``[H, W, 3]`` or ``[N, H, W]`` uint8
            (RGB); or any iterable of paths of images and arrays of one image, loaded batch by
            batch.
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
    backbone = encoder.backbone
    former = [(module, module.training) for module in backbone.modules()]
    backbone.eval()
    try:
        with torch.no_grad():
            features = [
                encoder(torch.from_numpy(batch)).cpu().numpy()
                for batch in _batches(encoder, images, batch_size)
            ]
    finally:
        for module, training in former:
            module.training = training
    if not features:
        raise ValueError('extract_features got no images')
    return np.concatenate(features)


def _batches(encoder: FeatureExtractor, images: Images, size: int) -> Iterator[np.ndarray]:
    stream, bits = _each(images)
    while batch := list(islice(stream, size)):
        yield np.stack([encoder.prepare(_load(image, bits)) for image in batch])


def _each(images: Images) -> tuple[Iterator[Any], int | None]:
    """Images one by one, and the bits per sample that those of a folder share."""
    if isinstance(images, np.ndarray):
        one = images.ndim < 3 or (images.ndim == 3 and images.shape[2] in (1, 3, 4))
        return iter([images] if one else images), None
    if not isinstance(images, (str, os.PathLike)):
        return iter(images), None
    path = Path(images)
    if not path.is_dir():
        return iter([path]), None
    found = sorted(file for file in path.iterdir() if file.suffix.lower() in IMAGE_EXTENSIONS)
    if not found:
        raise ValueError(f'{path} holds no images ({", ".join(IMAGE_EXTENSIONS)})')
    return iter(found), bits_of_set(found)[1]


def _load(image: str | os.PathLike | np.ndarray, bits: int | None) -> np.ndarray:
    if isinstance(image, np.ndarray):
        return image
    if not os.path.isfile(image):
        raise FileNotFoundError(f'image {os.fspath(image)} does not exist')
    try:
        return to_8_bits(decode_samples(read_file(image), colour=True), bits)
    except BadImageError as error:
        raise ValueError(f'{os.fspath(image)} is not an image that can be read: {error}') from error
