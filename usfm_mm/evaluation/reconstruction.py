"""What a pre-trained model makes of masked images, and how wrong it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from usfm_mm.masking import pixel_mask


@torch.no_grad()
def reconstruct(model: Any, batch: dict, caller: Any = None) -> dict[str, np.ndarray]:
    """Mask and reconstruct a batch, without a gradient.

    Args:
        model: ``USFMPretrainer``, or another with such a ``data_preprocessor``.
        batch: A collated batch of the data set.
        caller: What to call in the model's place, such as an FSDP wrapper of it.

    Returns:
        ``original``, ``masked`` and ``reconstruction``, ``[B, C, H, W]`` float32 intensities whose
        original lies in [0, 1]; and ``pixel_mask``, ``[B, 1, H, W]`` bool, all False where no
        patches were masked.
    """
    preprocessor = model.data_preprocessor
    data = preprocessor(batch, False)
    samples = data['data_samples']
    output = (caller or model)(data['inputs'], samples, mode='tensor')
    stages = dict(original=samples['target'], masked=data['inputs'], reconstruction=output)
    images = {key: _to_numpy(preprocessor.to_unit(value)) for key, value in stages.items()}
    original = samples['target']
    patches = samples.get('patch_mask')
    if patches is None:
        patches = torch.zeros(len(original), 1, 1, dtype=torch.bool)
    mask = pixel_mask(original.float(), patches.to(original.device)).cpu().numpy()
    return {**images, 'pixel_mask': mask}


def masked_patch_errors(images: dict[str, np.ndarray], labels: list[str]) -> dict[str, Any]:
    """Mean absolute error within masked patches, of the reconstruction and of the mean fill.

    The reconstruction is not clipped to [0, 1] here, which would flatter it.

    Args:
        images: As :func:`reconstruct` gives them.
        labels: One name per image, usually the organ.

    Returns:
        ``l1_reconstruction`` and ``l1_mean_fill`` over all masked pixels, None where nothing is
        masked, and the same two per label under ``organs``.

    Example:
        >>> image = np.ones((1, 1, 2, 2))
        >>> images = dict(original=image, masked=image / 2, reconstruction=image * 0.75)
        >>> masked_patch_errors({**images, 'pixel_mask': image > 0}, ['heart'])['organs']
        {'heart': {'l1_reconstruction': 0.25, 'l1_mean_fill': 0.5}}
    """

    def errors(chosen: np.ndarray) -> dict[str, float | None]:
        mask = np.broadcast_to(images['pixel_mask'], images['original'].shape)[chosen]
        result: dict[str, float | None] = {}
        for key, stage in (('l1_reconstruction', 'reconstruction'), ('l1_mean_fill', 'masked')):
            error = np.abs(images[stage][chosen] - images['original'][chosen])[mask]
            result[key] = float(error.mean(dtype=np.float64)) if error.size else None
        return result

    names = np.asarray(labels)
    organs = {name: errors(names == name) for name in dict.fromkeys(labels)}
    return {**errors(np.ones(len(names), dtype=bool)), 'organs': organs}


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model into eval mode, and then each of its modules back into its own former mode.

    Example:
        >>> model = nn.Sequential(nn.Dropout())
        >>> with evaluating(model):
        ...     print(model[0].training)
        False
    """
    former = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in former:
            # Not train(): frozen parts inside a model in training must stay frozen.
            module.training = training


def _to_numpy(images: Tensor) -> np.ndarray:
    return images.detach().float().cpu().numpy()
