"""A model of any OpenMMLab host on plain arrays: images in, probabilities or images out."""

from typing import Any

import numpy as np
import torch
from mmpretrain.models import MultiLabelClsHead
from torch import Tensor

from usfm_mm.models.regression_head import RegressionHead


@torch.inference_mode()
def outputs_of(module: Any, task: str, images: np.ndarray) -> np.ndarray:
    """What a model in eval mode answers about a batch.

    Args:
        module: mmseg's, mmpretrain's or mmagic's model with its data preprocessor, on any device.
        task: ``'segment'``, ``'classify'`` or ``'enhance'``.
        images: uint8 [B, C, H, W], RGB for C = 3, of the size that it was trained with.

    Returns:
        float32: probabilities [B, K, H, W] of a segmentation and [B, K] of a classification (or
        values, of a head that predicts these), images [B, C, H, W] in [0, 1] of an enhancement.

    Raises:
        ValueError: The images have another number of channels than the model, or the task is none
            of these.
    """
    if task not in _TASKS:
        raise ValueError(f'a model for {task!r} gives no answers of its own: extract its features')
    mean, _ = normalisation(module)
    if len(mean) not in (1, images.shape[1]):  # mmagic keeps one number for all
        raise ValueError(f'the model takes {len(mean)} channels, got {images.shape[1]}')
    inputs = torch.from_numpy(np.ascontiguousarray(images)).to(mean.device)
    return answers_to(module, task, inputs).cpu().numpy()


def answers_to(module: Any, task: str, images: Tensor) -> Tensor:
    """As :func:`outputs_of`, from uint8 on the device of the weights to float32 there."""
    mean, std = normalisation(module)
    answers = _TASKS[task](module, (images.float() - mean) / std)
    if task == 'enhance':
        answers = (answers * std + mean) / 255
    return answers.float()


@torch.inference_mode()
def clip_output_of(module: Any, frames: np.ndarray) -> np.ndarray:
    """What a model in eval mode answers about a clip.

    Args:
        module: ``ClipClassifier``.
        frames: uint8 [N, C, H, W].

    Returns:
        float32 [K].
    """
    mean, std = normalisation(module)
    inputs = torch.from_numpy(np.ascontiguousarray(frames)).to(mean.device)
    outputs = module.forward_clips((inputs.float() - mean) / std, [len(frames)])
    return _scores(module.head, outputs)[0].float().cpu().numpy()


@torch.inference_mode()
def rebuilt_of(
    module: Any, images: np.ndarray, patch_mask: np.ndarray | None, bands: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Masked images and what pre-training makes of them.

    Args:
        module: ``USFMPretrainer`` in eval mode.
        images: uint8 [B, C, H, W].
        patch_mask: bool [B, h, w], True where masked; None for none.
        bands: bool [B, N], True where stopped; None for none.

    Returns:
        Two float32 [B, C, H, W] in [0, 1], but for what the model or a band leaves that range by.
    """
    batch = dict(inputs=images, patch_mask=patch_mask, bands=bands)
    tensors = {key: torch.from_numpy(value) for key, value in batch.items() if value is not None}
    preprocessor = module.data_preprocessor
    masked = preprocessor(tensors)['inputs']
    rebuilt = module.reconstruct(masked)
    first, second = (preprocessor.to_unit(x).float().cpu().numpy() for x in (masked, rebuilt))
    return first, second


def normalisation(module: Any) -> tuple[Tensor, Tensor]:
    """Mean and std of a data preprocessor, [C, 1, 1] or [1, 1, 1], on the device of the weights."""
    preprocessor = module.data_preprocessor
    device = next(module.parameters()).device
    mean, std = (
        torch.as_tensor(values, dtype=torch.float32).view(-1, 1, 1).to(device)
        for values in (preprocessor.mean, preprocessor.std)
    )
    return mean, std


def _segment(module: Any, inputs: Tensor) -> Tensor:
    size = tuple(inputs.shape[-2:])
    meta = dict(img_shape=size, ori_shape=size, pad_shape=size)
    logits = module.inference(inputs, [meta])  # of all images
    if logits.shape[1] == 1:  # of the foreground alone
        return torch.cat([torch.sigmoid(-logits), torch.sigmoid(logits)], dim=1)
    return logits.softmax(dim=1)


def _classify(module: Any, inputs: Tensor) -> Tensor:
    return _scores(module.head, module(inputs, mode='tensor'))


def _scores(head: Any, outputs: Tensor) -> Tensor:
    if isinstance(head, RegressionHead):
        return head.values(outputs)
    return outputs.sigmoid() if isinstance(head, MultiLabelClsHead) else outputs.softmax(dim=1)


def _enhance(module: Any, inputs: Tensor) -> Tensor:
    return module.generators[module._default_domain](inputs)


_TASKS = {'segment': _segment, 'classify': _classify, 'enhance': _enhance}
