"""Weights of networks that are no ViT of ours, by their own names."""

import re
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any

from mmengine.logging import print_log
from mmpretrain.models import BEiTViT, VisionTransformer
from torch import Tensor, nn

from usfm_mm.models.checkpoints.files import CheckpointError, load_file
from usfm_mm.models.checkpoints.layouts import HEADS
from usfm_mm.models.checkpoints.loading import load_pretrained
from usfm_mm.models.checkpoints.reading import state_dict_of, unchunked

# What a file may hold beside the network: heads, what only pre-training uses, what is computed.
_BESIDE = (*HEADS, 'fc', 'classifier', 'last_linear', 'decoder', 'mask_token', 'norm_head')
_COMPUTED = ('relative_position_index', 'attn_mask', 'num_batches_tracked', 'relative_coords_table')
# mmpretrain's Swin and ConvNeXt have a norm for each map that is asked for, files that of the last.
_OUTPUT_NORM = re.compile(r'norm[0-2]\.(weight|bias)')
_SHOWN = 6


def load_any(network: nn.Module, checkpoint: str, prefix: str = '') -> None:
    """Fill a network from a file, or refuse the file.

    A ViT of mmpretrain is filled from every layout that
    :func:`~usfm_mm.models.checkpoints.loading.load_pretrained` knows. Others by their own names,
    whatever stands before them in the file; of timm, after timm's own conversion from the layouts
    of the authors, where it has one.

    Args:
        network: An mmpretrain backbone or a :class:`~usfm_mm.models.timm_network.TimmNetwork`.
        checkpoint: Path or http(s) address.
        prefix: Only weights whose names begin with it are read.

    Raises:
        FileNotFoundError: There is no such file.
        CheckpointError: It cannot be read, a weight of the network would stay unfilled or has
            another shape, or the file's encoder has one without a place.
    """
    if isinstance(network, (BEiTViT, VisionTransformer)):
        load_pretrained(network, checkpoint, prefix=prefix)
        return
    target: Any = getattr(network, 'model', network)
    weights = state_dict_of(load_file(checkpoint), checkpoint)
    start = f'{prefix.removesuffix(".")}.' if prefix else _prefix(weights, target)
    weights = {k.removeprefix(start): v for k, v in weights.items() if k.startswith(start)}
    if target is not network:
        weights = _as_timm(unchunked(weights) if hasattr(target, 'blocks') else weights, target)
    _check(weights, target, checkpoint)
    own = target.state_dict()
    fitting = {key: value for key, value in weights.items() if key in own}
    target.load_state_dict(fitting, strict=False)
    print_log(
        f'Loaded {checkpoint}\n  loaded   {len(fitting)} weights by their own names', 'current'
    )


def _prefix(weights: Mapping[str, Tensor], target: nn.Module) -> str:
    """What stands before the network's names in most of the file's."""
    own = [key for key, _ in target.named_parameters()]
    found: Counter[str] = Counter()
    for key in weights:
        found.update(key[: -len(name)] for name in own if key == name or key.endswith(f'.{name}'))
    return max(found, key=lambda start: (found[start], -len(start))) if found else ''


def _as_timm(weights: dict[str, Tensor], target: nn.Module) -> dict[str, Tensor]:
    """Names of timm, by what the module of the network has for files of its authors."""
    convert = getattr(sys.modules[type(target).__module__], 'checkpoint_filter_fn', None)
    return weights if convert is None else dict(convert(dict(weights), target))


def _check(weights: Mapping[str, Tensor], target: nn.Module, source: str) -> None:
    own = target.state_dict()
    needed = {key for key, _ in target.named_parameters()}
    needed |= {key for key in own if key.endswith(('running_mean', 'running_var'))}
    kind = type(target).__name__
    missing = sorted(key for key in needed - weights.keys() if not _OUTPUT_NORM.fullmatch(key))
    homeless = [
        key
        for key in weights.keys() - own.keys()
        if key.split('.')[0] not in _BESIDE and not key.endswith(_COMPUTED)
    ]
    shapes = [
        f'{key} is {tuple(weights[key].shape)}, the network has {tuple(own[key].shape)}'
        for key in sorted(weights.keys() & own.keys())
        if weights[key].shape != own[key].shape
    ]
    for names, text in (
        (missing, 'would stay unfilled'),
        (sorted(homeless), 'of the file have no place in the network'),
        (shapes, 'have another shape'),
    ):
        if names:
            more = f' and {len(names) - _SHOWN} more' if len(names) > _SHOWN else ''
            raise CheckpointError(
                f'{source} is no file of this {kind}: {len(names)} weights {text}: '
                f'{", ".join(names[:_SHOWN])}{more}'
            )
