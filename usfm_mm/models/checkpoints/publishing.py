"""A trained model as a file to hand on: its weights and its card, and nothing else."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from usfm_mm.io.atomic import write_atomic
from usfm_mm.io.card import CARD_KEY, Card
from usfm_mm.models.checkpoints.files import stored_half
from usfm_mm.models.checkpoints.with_card import load_with_card

# What only training needs, by the names of the hosts.
_TRAINING = ('auxiliary_head', 'discriminator')
_TRAINING_WEIGHTS = ('auxiliary_head.', 'discriminators.')


def publish(source: str | os.PathLike, target: str | os.PathLike, half: bool = False) -> Card:
    """Write weights and card of a checkpoint as safetensors.

    Optimizer, log and whatever only training needs (auxiliary heads, discriminators) stay behind.

    Args:
        source: Checkpoint of a run of ours, or a published file, whose float16 stays float16.
        target: File to write, ending in ``.safetensors``.
        half: Store weights of two dimensions and more as float16.

    Returns:
        The card that was written.

    Raises:
        FileNotFoundError: If there is no such checkpoint.
        CheckpointError: If it cannot be read or has no card.
        ValueError: If ``target`` ends otherwise, or weights do not fit into float16.
    """
    target = Path(target)
    if target.suffix != '.safetensors':
        raise ValueError(f'{target}: a published model is a file that ends in .safetensors')
    content, card = load_with_card(source)
    half = half or stored_half(source)
    card = replace(card, config=_without_training(card.config))
    weights = {
        name: _stored(name, value, half)
        for name, value in content['state_dict'].items()
        if not name.startswith(_TRAINING_WEIGHTS)
    }
    metadata = {CARD_KEY: json.dumps(card.to_dict()), 'format': 'pt'}
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(target, safetensors.torch.save(weights, metadata))
    return card


def _stored(name: str, value: Tensor, half: bool) -> Tensor:
    value = value.detach().clone().contiguous()
    # Norms, biases and LayerScale are small, and the fingerprint of an encoder is compared.
    if not half or not value.is_floating_point() or value.ndim < 2:
        return value
    stored = value.half()
    if not torch.isfinite(stored).all() and torch.isfinite(value).all():
        raise ValueError(f'{name} has values that float16 cannot hold: publish without --half')
    return stored


def _without_training(config: dict[str, Any]) -> dict[str, Any]:
    # None, where a host's class asks for it.
    model = {key: None if key in _TRAINING else v for key, v in config['model'].items()}
    return {**config, 'model': model}
