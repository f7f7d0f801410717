"""A small encoder in the layout of the released weights, and its forward pass in plain PyTorch.

Written from the description of the release alone, on the names in the file: what the loading code
gives has to agree with it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

DIM, HEADS, BLOCKS, HIDDEN, PATCH = 48, 3, 12, 96, 16
ARCH = dict(embed_dims=DIM, num_layers=BLOCKS, num_heads=HEADS, feedforward_channels=HIDDEN)


def index_by_loops(height: int, width: int) -> Tensor:
    """Rows of the bias table for all pairs of tokens, one after the other."""
    places = [(y, x) for y in range(height) for x in range(width)]
    offsets = (2 * height - 1) * (2 * width - 1)
    index = torch.full((len(places) + 1, len(places) + 1), -1)
    for i, (yi, xi) in enumerate(places):
        for j, (yj, xj) in enumerate(places):
            index[1 + i, 1 + j] = (yi - yj + height - 1) * (2 * width - 1) + xi - xj + width - 1
    index[0, :] = offsets
    index[:, 0] = offsets + 1
    index[0, 0] = offsets + 2
    return index


def released_state_dict(
    window: tuple[int, int] = (4, 4), channels: int = 3, seed: int = 0
) -> dict[str, Tensor]:
    """State dict with the names of ``USFM_latest.pth``; every weight matters to the output."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int, std: float = 0.1, mean: float = 0.0) -> Tensor:
        return torch.randn(*shape, generator=generator) * std + mean

    out = {
        'cls_token': normal(1, 1, DIM, std=1.0),
        'mask_token': normal(1, 1, DIM),
        'patch_embed.proj.weight': normal(DIM, channels, PATCH, PATCH, std=0.03),
        'patch_embed.proj.bias': normal(DIM),
    }
    for i in range(BLOCKS):
        out |= {
            f'blocks.{i}.gamma_1': normal(DIM, std=0.1, mean=0.1),
            f'blocks.{i}.gamma_2': normal(DIM, std=0.1, mean=0.1),
            f'blocks.{i}.norm1.weight': normal(DIM, std=0.3, mean=1.0),
            f'blocks.{i}.norm1.bias': normal(DIM),
            f'blocks.{i}.attn.q_bias': normal(DIM, std=0.5),
            f'blocks.{i}.attn.v_bias': normal(DIM, std=0.5),
            f'blocks.{i}.attn.qkv.weight': normal(3 * DIM, DIM, std=0.2),
            f'blocks.{i}.attn.proj.weight': normal(DIM, DIM, std=0.2),
            f'blocks.{i}.attn.proj.bias': normal(DIM),
            f'blocks.{i}.norm2.weight': normal(DIM, std=0.3, mean=1.0),
            f'blocks.{i}.norm2.bias': normal(DIM),
            f'blocks.{i}.mlp.fc1.weight': normal(HIDDEN, DIM, std=0.2),
            f'blocks.{i}.mlp.fc1.bias': normal(HIDDEN),
            f'blocks.{i}.mlp.fc2.weight': normal(DIM, HIDDEN, std=0.2),
            f'blocks.{i}.mlp.fc2.bias': normal(DIM),
        }
    rows = (2 * window[0] - 1) * (2 * window[1] - 1) + 3
    return out | {
        'norm.weight': normal(DIM, std=0.3, mean=1.0),
        'norm.bias': normal(DIM),
        'rel_pos_bias.relative_position_bias_table': normal(rows, HEADS, std=1.0),
        'rel_pos_bias.relative_position_index': index_by_loops(*window),
    }


def released_blocks(weights: dict[str, Tensor], images: Tensor) -> list[Tensor]:
    """Tokens ``[B, 1 + hw, D]`` after every block, for images ``[B, C, H, W]``."""
    patches = F.conv2d(
        images, weights['patch_embed.proj.weight'], weights['patch_embed.proj.bias'], stride=PATCH
    )
    batch = len(images)
    tokens = patches.reshape(batch, DIM, -1).transpose(1, 2)
    x = torch.cat([weights['cls_token'].repeat(batch, 1, 1), tokens], dim=1)
    count = x.shape[1]
    bias = weights['rel_pos_bias.relative_position_bias_table'][
        weights['rel_pos_bias.relative_position_index'].reshape(-1)
    ]
    bias = bias.reshape(count, count, HEADS).permute(2, 0, 1)
    outs = []
    for i in range(BLOCKS):
        w = {k.removeprefix(f'blocks.{i}.'): v for k, v in weights.items()}
        y = F.layer_norm(x, (DIM,), w['norm1.weight'], w['norm1.bias'], 1e-6)
        zero = torch.zeros(DIM)
        qkv = y @ w['attn.qkv.weight'].T + torch.cat([w['attn.q_bias'], zero, w['attn.v_bias']])
        heads = qkv.reshape(batch, count, 3, HEADS, DIM // HEADS)
        q, k, v = (heads[:, :, j].transpose(1, 2) for j in range(3))
        logits = torch.einsum('bhqd,bhkd->bhqk', q, k) * (DIM // HEADS) ** -0.5 + bias
        mixed = torch.einsum('bhqk,bhkd->bhqd', logits.softmax(-1), v)
        mixed = mixed.transpose(1, 2).reshape(batch, count, DIM)
        mixed = mixed @ w['attn.proj.weight'].T + w['attn.proj.bias']
        x = x + w['gamma_1'] * mixed
        y = F.layer_norm(x, (DIM,), w['norm2.weight'], w['norm2.bias'], 1e-6)
        y = y @ w['mlp.fc1.weight'].T + w['mlp.fc1.bias']
        y = 0.5 * y * (1 + torch.erf(y / 2**0.5))
        y = y @ w['mlp.fc2.weight'].T + w['mlp.fc2.bias']
        x = x + w['gamma_2'] * y
        outs.append(x)
    return outs


def released_classifier_features(
    weights: dict[str, Tensor], images: Tensor, norm_weight: Tensor, norm_bias: Tensor
) -> Tensor:
    """Features ``[B, D]`` before the linear layer: ``fc_norm`` of the mean patch token."""
    mean = released_blocks(weights, images)[-1][:, 1:].mean(dim=1)
    return F.layer_norm(mean, (DIM,), norm_weight, norm_bias, 1e-6)


def released_feature_maps(
    weights: dict[str, Tensor], images: Tensor, blocks: tuple[int, ...] = (3, 5, 7, 11)
) -> list[Tensor]:
    """Feature maps ``[B, D, h, w]`` of the segmentation backbone, without a final norm."""
    h, w = images.shape[2] // PATCH, images.shape[3] // PATCH
    outs = released_blocks(weights, images)
    return [outs[i][:, 1:].transpose(1, 2).reshape(len(images), DIM, h, w) for i in blocks]
