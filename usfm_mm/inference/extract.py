"""Feature vectors of pictures by a model of any runtime, and what is near them."""

import os
from pathlib import Path

import numpy as np

from usfm_mm.inference.features import (
    Encoder,
    FeatureTable,
    Neighbour,
    features_of,
    nearest,
    read_features,
)
from usfm_mm.inference.frames import Pictures, frames_of


def extract_features(encoder: Encoder, images: Pictures, batch_size: int = 32) -> np.ndarray:
    """Feature vectors of images: mean and standard deviation of the patch tokens of each.

    Compare them by :func:`~usfm_mm.inference.feature_space.comparable`, as :func:`similar` does.
    An encoder in PyTorch is put into eval mode meanwhile, and no gradient is kept.

    Args:
        encoder: From :func:`usfm_mm.apis.load_backbone`, or a model of
            :func:`usfm_mm.apis.load_model`, whose encoder is taken, or an exported encoder.
        images: Whatever :func:`~usfm_mm.inference.frames.frames_of` reads: paths, folders,
            patterns, uint8 arrays [H, W], [H, W, 3] (RGB) or [N, H, W], DICOM files, clips,
            volumes, of which each frame counts, or an iterable of them; read batch by batch.
        batch_size: Images per batch.

    Returns:
        float32 ``[N, 2 D]`` of tokens with D numbers, in the order of the images, N = 1 for a
        single one; ``[N, D]`` of an encoder that gives a vector of its own, or loaded with
        ``features='mean'``.

    Raises:
        FileNotFoundError: If an image does not exist.
        ValueError: If the model has no encoder, a file is no image, an array has the wrong type,
            or there are no images.

    Example:
        >>> class Means:
        ...     def prepare(self, image):
        ...         return image[None]
        ...     def encode(self, images):
        ...         return images.mean((2, 3), dtype=np.float32)
        >>> extract_features(Means(), np.full((80, 100), 7, np.uint8))
        array([[7.]], dtype=float32)
    """
    features = [answer.vector for answer in features_of(encoder, frames_of(images), batch_size)]
    if not features:
        raise ValueError('extract_features got no images')
    return np.stack(features)


def similar(
    encoder: Encoder, images: Pictures, features: str | os.PathLike | FeatureTable, k: int = 5
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
        ValueError: If the features are of another encoder or of another kind, or something cannot
            be read.
    """
    table = features if isinstance(features, FeatureTable) else read_features(Path(features))
    told = table.about.get('features')
    kind = getattr(encoder, 'features', told)
    if told not in (None, kind):
        raise ValueError(
            f'the file has features {told!r}, the encoder gives {kind!r}: extract them anew, or '
            f'take load_backbone(FILE, features={told!r})'
        )
    return nearest(table, extract_features(encoder, images), k)
