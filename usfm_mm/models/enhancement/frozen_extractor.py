"""An encoder whose features others use, held once however many use it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakValueDictionary

import torch
from mmengine.dist import broadcast
from torch import Tensor

from usfm_mm.registry import MODELS


class FrozenExtractor:
    """A frozen encoder that is no part of the model which holds it.

    It is not a module, so that its holder's parameters, optimizer, state dict, initialisation and
    training mode leave it alone, and a copy of its holder shares it.

    Args:
        backbone: Config of ``usfm_mm.USFMViT``. ``frozen=True`` and ``out_type='featmap'`` are
            added. Without ``init_cfg`` the weights are random, the same on every rank.

    Attributes:
        encoder: The encoder, in eval mode, its weights loaded.
        channels: Channels of all the maps in ``encoder.out_indices`` together.

    Raises:
        ValueError: If ``backbone`` asks for an encoder that is trained, or for other outputs.
    """

    def __init__(self, backbone: dict) -> None:
        fixed = dict(frozen=True, out_type='featmap')
        wrong = {k: backbone[k] for k, v in fixed.items() if backbone.get(k, v) != v}
        if wrong:
            raise ValueError(
                f'the backbone of a generator is a frozen extractor of feature maps ({fixed}): '
                f'leave out {wrong}'
            )
        # What is drawn afterwards must not depend on whether an extractor was there already.
        with torch.random.fork_rng(devices=[]):
            self.encoder: Any = MODELS.build(dict(backbone, **fixed))
            self.encoder.init_weights()
        if not backbone.get('init_cfg'):
            for parameter in self.encoder.parameters():
                broadcast(parameter.data)
        self.channels = self.encoder.embed_dims * len(self.encoder.out_indices)

    def __deepcopy__(self, memo: dict) -> 'FrozenExtractor':
        return self

    def fingerprint(self) -> Tensor:
        """Mean absolute value of each weight tensor, float32, ``[number of tensors]``.

        Tells extractors apart; equal to 1e-4 where the last bits of a weight depend on a platform.
        """
        means = [parameter.double().abs().mean() for parameter in self.encoder.parameters()]
        return torch.stack(means).float().cpu()


_shared: WeakValueDictionary[str, FrozenExtractor] = WeakValueDictionary()


def shared_extractor(backbone: dict) -> FrozenExtractor:
    """The extractor of a config: the one that is in use already, if there is one.

    mmagic builds the two generators of a CycleGAN independently from one config, which is all that
    connects them. The extractor lives as long as somebody holds it.

    Args:
        backbone: As for :class:`FrozenExtractor`.
    """
    key = json.dumps(backbone, sort_keys=True, default=str)
    extractor = _shared.get(key)
    if extractor is None:
        extractor = _shared[key] = FrozenExtractor(backbone)
    return extractor


@contextmanager
def extractors_apart() -> Iterator[None]:
    """Let what is built meanwhile share no extractor with what was built before.

    Models of several files may have one config, and each the weights of its own.
    """
    global _shared
    former, _shared = _shared, WeakValueDictionary()
    try:
        yield
    finally:
        _shared = former
