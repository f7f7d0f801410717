"""A picture on its way into a network: as validation prepares it in training."""

from typing import Protocol

import cv2
import numpy as np

from usfm_mm.io.warp import warp_window


class Needs(Protocol):
    """What of a model's card tells how to prepare: see ``Card`` of the checkpoints."""

    task: str
    image_size: tuple[int, int] | None
    channels: int


def prepare(pixels: np.ndarray, card: Needs) -> np.ndarray:
    """Bring a picture to the size and channels of a model.

    Segmentation and classification resize bilinearly, as mmseg's and mmpretrain's ``Resize``;
    enhancement and pre-training take luma and resize with averaging, as ``RandomAffineCrop``.

    Args:
        pixels: uint8, grey [H, W] or RGB [H, W, 3].
        card: Of the model.

    Returns:
        uint8 [C, height, width].

    Raises:
        ValueError: The card does not tell the size.
    """
    if card.image_size is None:
        raise ValueError('the card of the model does not tell the size of its images')
    height, width = card.image_size
    if card.task in ('segment', 'classify'):
        image = with_channels(pixels, card.channels)
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    else:
        image = warp_window(with_channels(pixels, 1), (height, width))
        image = with_channels(image, card.channels)
    return channels_first(image)


def prepare_for_features(pixels: np.ndarray, channels: int, size: tuple[int, int]) -> np.ndarray:
    """Bring a picture to the size and channels of an encoder: uint8 [C, height, width].

    It is averaged where it shrinks: bilinear would skip pixels and alias the speckle.
    """
    height, width = size
    image = with_channels(pixels, channels)
    shrinks = image.shape[0] * image.shape[1] > height * width
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return channels_first(cv2.resize(image, (width, height), interpolation=how))


def with_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """Grey [H, W] for one channel by the usual luma weights, RGB [H, W, 3] for three.

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
    if channels == 1:
        return image if grey else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return cv2.cvtColor(image, cv2.COLOR_GRAY2RGB) if grey else image


def channels_first(image: np.ndarray) -> np.ndarray:
    """[C, H, W] of [H, W] or [H, W, C]."""
    return image[None] if image.ndim == 2 else image.transpose(2, 0, 1)
