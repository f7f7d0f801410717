"""Attention rollout: how the patches of an image come together in what a classifier sees.

Source: S. Abnar and W. Zuidema, "Quantifying attention flow in transformers", ACL 2020.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from torch import Tensor

from usfm_mm.models.block import USFMAttention
from usfm_mm.models.outputs import answers_to
from usfm_mm.models.usfm_vit import USFMViT


def attention_rollout(attentions: Sequence[Tensor]) -> Tensor:
    """Follow the attention of all blocks back to the tokens of the first.

    Of each block the mean over the heads and the identity, for the branch that goes round it, count
    half each; their product over the blocks says how much of an output token comes from an input
    token. What values and MLPs do to it is not seen.

    Args:
        attentions: Of each block, from the first on, ``[B, heads, N, N]``, rows sum to 1.

    Returns:
        ``[B, N, N]``, rows (output tokens) sum to 1.

    Raises:
        ValueError: If there is none.

    Example:
        >>> attention_rollout([torch.full((1, 3, 2, 2), 0.5)] * 2)
        tensor([[[0.6250, 0.3750],
                 [0.3750, 0.6250]]])
    """
    if not attentions:
        raise ValueError('there is no attention to follow')
    steps = []
    for attention in attentions:
        mean = attention.mean(dim=1)
        steps.append((mean + torch.eye(mean.shape[-1], dtype=mean.dtype, device=mean.device)) / 2)
    product = steps[0]
    for step in steps[1:]:
        product = step @ product
    return product


def patch_shares(rollout: Tensor, cls_token: bool, pooled: bool) -> Tensor:
    """What each patch contributes to the vector that a head gets, 1 being an even share.

    Args:
        rollout: ``[B, N, N]`` of :func:`attention_rollout`.
        cls_token: The first of the N tokens is the class token.
        pooled: The vector is the mean of the patch tokens, else the class token.

    Returns:
        ``[B, patches]``, mean 1 over the patches; the class token's own part is left out.
    """
    first = int(cls_token)
    rows = rollout[:, first:] if pooled else rollout[:, :1]
    shares = rows.mean(dim=1)[:, first:]
    return shares / shares.mean(dim=1, keepdim=True)


@torch.inference_mode()
def shares_of(module: Any, task: str, images: np.ndarray) -> np.ndarray:
    """Shares of the patches of images in a classifier with our encoder.

    Args:
        module: mmpretrain's classifier in eval mode.
        task: Of its card.
        images: uint8 [B, C, H, W].

    Returns:
        float32 [B, h, w] of the patch grid, mean 1 over each image.

    Raises:
        ValueError: If the encoder is none of ours.
    """
    backbone = getattr(module, 'backbone', None)
    if not isinstance(backbone, USFMViT):
        raise ValueError(f'no rollout of {type(backbone).__name__}, but of USFMViT: take occlusion')
    attentions: list[Tensor] = []
    with ExitStack() as stack:
        for layer in backbone.layers:
            stack.enter_context(_Seen(layer.attn, attentions))
        answers_to(module, task, torch.from_numpy(images).to(next(module.parameters()).device))
    pooled = backbone.out_type != 'cls_token'
    shares = patch_shares(attention_rollout(attentions), backbone.cls_token is not None, pooled)
    side = backbone.patch_size
    grid = [-(-int(length) // side) for length in images.shape[-2:]]
    return shares.reshape(-1, *grid).float().cpu().numpy()


class _Seen:
    """Collects what a block attends to, computed outside the fused kernel."""

    def __init__(self, attention: USFMAttention, found: list[Tensor]) -> None:
        self.attention, self.found = attention, found

    def __enter__(self) -> None:
        self.former, self.attention.fused = self.attention.fused, False
        self.hook = self.attention.attn_drop.register_forward_pre_hook(
            lambda _, inputs: self.found.append(inputs[0])
        )

    def __exit__(self, *_: Any) -> None:
        self.attention.fused = self.former
        self.hook.remove()
