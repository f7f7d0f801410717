"""Feature vectors of images from a pre-trained encoder.

>>> from usfm_mm.apis import extract_features, load_backbone
>>> encoder = load_backbone('USFM_latest.pth', device='cuda')
>>> features = extract_features(encoder, ['a.png', 'b.png'])   # float32 [2, 768]
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import cv2
import numpy as np
import torch
from mmpretrain.models import BEiTViT
from torch import Tensor, nn

from usfm_mm.models.checkpoints.layouts import read_checkpoint
from usfm_mm.models.checkpoints.loading import PATCH_WEIGHT, load_pretrained
from usfm_mm.models.usfm_vit import USFMViT

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)


@dataclass
class Encoder:
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


def load_backbone(
    checkpoint: str,
    arch: str | dict | None = None,
    img_size: int | tuple[int, int] = 224,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    device: str | torch.device = 'cpu',
    **kwargs: Any,
) -> Encoder:
    """Load a pre-trained encoder for feature extraction, frozen.

    Its features are the patch tokens after the final norm.

    Args:
        checkpoint: Path or address of any layout in
            :mod:`~usfm_mm.models.checkpoints.layouts`: ours, ``USFM_latest.pth``, SimMIM, BEiT,
            mmpretrain.
        arch: As in ``USFMViT``; by default as the weights tell.
        img_size: Height and width the images are resized to, multiples of the patch.
        mean: Mean intensity per channel, 0 to 255, as in pre-training. By default ImageNet's for
            three channels, with which the released weights and SimMIM's were trained. A
            checkpoint does not hold its own, so that one channel needs it given.
        std: Standard deviation per channel, likewise.
        device: Where to compute.
        kwargs: Further arguments of ``USFMViT``.

    Returns:
        The encoder with its normalisation.

    Raises:
        FileNotFoundError: If there is no such file.
        CheckpointError: If it cannot be read, its layout is unknown or ``arch`` doesn't fit.
        ValueError: If the normalisation is not known, or doesn't fit the channels.
    """
    content = read_checkpoint(checkpoint)
    patch = content.encoder[PATCH_WEIGHT]
    channels = kwargs.pop('in_channels', patch.shape[1])
    if mean is None and std is None and channels == 3:
        mean, std = IMAGENET_MEAN, IMAGENET_STD
    if mean is None or std is None or not len(mean) == len(std) == channels:
        raise ValueError(
            f'{checkpoint} takes {channels} channel(s): give mean and std with one value for each, '
            'as in model.data_preprocessor of the config it was trained with'
        )
    size = (img_size, img_size) if isinstance(img_size, int) else (img_size[0], img_size[1])
    settings = dict(img_size=size, patch_size=patch.shape[-1], out_type='featmap', final_norm=True)
    backbone = USFMViT(
        arch=content.arch if arch is None else arch,
        in_channels=channels,
        frozen=True,
        init_cfg=dict(type='Pretrained', checkpoint=checkpoint),
        **{**settings, **kwargs},
    )
    # Not init_weights, which makes mmengine print two lines for each weight besides.
    load_pretrained(backbone, checkpoint)
    return Encoder(backbone.to(device), tuple(mean), tuple(std), size)


def encoder_of(model: Any, size: tuple[int, int] | None = None) -> Encoder:
    """Encoder of a model of any OpenMMLab host, sharing its weights.

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
    return Encoder(backbone, mean, std, size)


def extract_features(
    encoder: Encoder,
    images: Iterable[str | os.PathLike | np.ndarray],
    batch_size: int = 32,
) -> np.ndarray:
    """Feature vectors of images.

    The encoder is put into eval mode meanwhile, and no gradient is kept.

    Args:
        encoder: From :func:`load_backbone`.
        images: Paths, or arrays ``[H, W]`` or ``[H, W, C]`` uint8 (RGB); loaded batch by batch.
        batch_size: Images per batch.

    Returns:
        ``[N, D]`` float32, in the order of the images.

    Raises:
        FileNotFoundError: If an image does not exist.
        ValueError: If a file is no image, an array has the wrong type, or there are no images.
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


def _batches(encoder: Encoder, images: Iterable[Any], batch_size: int) -> Iterator[np.ndarray]:
    stream = iter(images)
    while batch := list(islice(stream, batch_size)):
        yield np.stack([encoder.prepare(_load(image)) for image in batch])


def _load(image: str | os.PathLike | np.ndarray) -> np.ndarray:
    if isinstance(image, np.ndarray):
        return image
    path = os.fspath(image)
    if not os.path.isfile(path):
        raise FileNotFoundError(f'image {path} does not exist')
    # fromfile: OpenCV's own reader fails on names outside ASCII on some systems.
    pixels = cv2.imdecode(np.fromfile(path, dtype=np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ValueError(f'{path} is not an image that OpenCV can read, or is damaged')
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
