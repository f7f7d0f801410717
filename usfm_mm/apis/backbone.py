"""A pre-trained encoder from its file alone."""

import os
from collections.abc import Sequence
from typing import Any

import torch
from mmpretrain.models import VisionTransformer

from usfm_mm.config.provenance import input_of
from usfm_mm.inference.feature_space import FEATURES, check_kind
from usfm_mm.models.checkpoints.files import CheckpointError, load_file
from usfm_mm.models.checkpoints.loading import PATCH_WEIGHT, load_pretrained
from usfm_mm.models.checkpoints.reading import Checkpoint, parse_checkpoint
from usfm_mm.models.features import FeatureExtractor
from usfm_mm.models.usfm_vit import USFMViT

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)


def load_backbone(
    checkpoint: str | os.PathLike,
    arch: str | dict | None = None,
    img_size: int | tuple[int, int] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    device: str | torch.device = 'cpu',
    features: str = FEATURES,
    **kwargs: Any,
) -> FeatureExtractor:
    """Load a pre-trained encoder for feature extraction, frozen.

    Its features are made of the patch tokens after the norm that the file has: the final one of
    pre-training, or that after average pooling of a fine-tuned classifier, which is their mean; of
    a fine-tuned model with neither, the last block's output.

    Args:
        checkpoint: Path or address of any layout in
            :mod:`~usfm_mm.models.checkpoints.layouts`: ours, ``USFM_latest.pth``, SimMIM, BEiT,
            mmpretrain, and the ViT of timm and MAE.
        arch: As in ``USFMViT``; by default as the weights tell. A dict need only hold what they do
            not: of a ViT, ``num_heads``.
        img_size: Height and width the images are resized to. By default those of the training, or
            those that the bias tables or the position embedding are made for, or 224.
        mean: Mean intensity per channel, 0 to 255, as in pre-training. By default what our file
            was trained with; else ImageNet's for three channels, as the released weights, SimMIM,
            BEiT and MAE were. One channel of a file that does not tell needs it given.
        std: Standard deviation per channel, likewise.
        device: Where to compute.
        features: ``'mean+std'`` of the tokens over the image, or ``'mean'``, as before 0.3.
        kwargs: Further arguments of ``USFMViT``, or of mmpretrain's ``VisionTransformer``.

    Returns:
        The encoder with its normalisation.

    Raises:
        FileNotFoundError: If there is no such file.
        CheckpointError: If it cannot be read, its layout is unknown or ``arch`` doesn't fit.
        ValueError: If the normalisation is not known, or doesn't fit the channels, or there are no
            such features.

    Example:
        .. code-block:: python

            encoder = load_backbone('USFM_latest.pth', device='cuda')
            features = extract_features(encoder, ['a.png', 'b.png'])  # float32 [2, 1536]
    """
    check_kind(features)
    checkpoint = str(checkpoint)
    file = load_file(checkpoint)
    content, told = parse_checkpoint(file, checkpoint), input_of(file)
    patch = content.encoder[PATCH_WEIGHT]
    channels = kwargs.pop('in_channels', patch.shape[1])
    if mean is None and std is None:
        if told and len(told[0]) == channels:
            mean, std = told[:2]
        elif channels == 3:
            mean, std = IMAGENET_MEAN, IMAGENET_STD
    if mean is None or std is None or not len(mean) == len(std) == channels:
        raise ValueError(
            f'{checkpoint} takes {channels} channel(s): give mean and std with one value for each, '
            'as in model.data_preprocessor of the config it was trained with'
        )
    if img_size is None:
        img_size = (told and told[2]) or _size(content, patch.shape[-1])
    size = (img_size, img_size) if isinstance(img_size, int) else (img_size[0], img_size[1])
    backbone = _build(content, arch, in_channels=channels, img_size=size, **kwargs)
    # Not init_weights, which makes mmengine print two lines for each weight besides.
    load_pretrained(backbone, content)
    backbone.requires_grad_(False).eval()
    return FeatureExtractor(backbone.to(device), tuple(mean), tuple(std), size, features)


def _build(content: Checkpoint, arch: str | dict | None, **kwargs: Any) -> Any:
    has_norm = 'ln1.weight' in content.encoder
    pooled = not has_norm and 'ln2.weight' in content.encoder
    settings = dict(
        patch_size=content.encoder[PATCH_WEIGHT].shape[-1],
        out_type='avg_featmap' if pooled else 'featmap',
        final_norm=has_norm,
        frozen=True,
    )
    if not isinstance(arch, str):
        arch = {**content.arch, **(arch or {})}
    if not content.is_vit:
        return USFMViT(arch=arch, **{**settings, **kwargs})
    if isinstance(arch, dict) and 'num_heads' not in arch:
        raise CheckpointError(
            f'{content.source} is a ViT, whose weights do not tell the number of heads: give '
            f'arch=dict(num_heads=...), mostly {max(arch["embed_dims"] // 64, 1)}'
        )
    del settings['frozen']
    return VisionTransformer(arch=arch, **{**settings, **kwargs})


def _size(content: Checkpoint, patch: int) -> tuple[int, int]:
    tokens = content.encoder['pos_embed'].shape[1] if 'pos_embed' in content.encoder else 0
    side = int(tokens**0.5)  # one token more is the class token
    height, width = content.window or ((side, side) if side > 1 else (224 // patch, 224 // patch))
    return patch * height, patch * width
