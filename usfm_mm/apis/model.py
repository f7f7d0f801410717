"""A trained model from its file alone."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, DefaultScope

from usfm_mm.compat import import_mmagic, import_mmseg
from usfm_mm.config.places import places
from usfm_mm.inference.prepare import prepare_for_features
from usfm_mm.io.card import Card
from usfm_mm.models.checkpoints.files import CheckpointError
from usfm_mm.models.checkpoints.with_card import load_with_card
from usfm_mm.models.enhancement.frozen_extractor import extractors_apart
from usfm_mm.models.features import extractor_of
from usfm_mm.models.outputs import clip_output_of, outputs_of, rebuilt_of
from usfm_mm.models.rollout import shares_of

_HOSTS: dict[str, Callable] = {'mmseg': import_mmseg, 'mmagic': import_mmagic}


@dataclass
class LoadedModel:
    """A network with its card, as the functions of :mod:`usfm_mm.apis` take it.

    Attributes:
        card: What an image needs on its way in, and what the answer means.
        module: The host's model, in eval mode: mmseg's, mmpretrain's, mmagic's or
            ``USFMPretrainer``.
    """

    card: Card
    module: Any

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Answer about a batch; see :func:`~usfm_mm.models.outputs.outputs_of`."""
        return outputs_of(self.module, self.card.task, images)

    def ask_clip(self, frames: np.ndarray) -> np.ndarray:
        """Answer about a clip; see :func:`~usfm_mm.models.outputs.clip_output_of`."""
        return clip_output_of(self.module, frames)

    def rebuild(
        self, images: np.ndarray, patch_mask: np.ndarray | None, bands: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mask and reconstruct; see :func:`~usfm_mm.models.outputs.rebuilt_of`."""
        return rebuilt_of(self.module, images, patch_mask, bands)

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """uint8 [H, W] or [H, W, 3] to uint8 [C, height, width], for features."""
        assert self.card.image_size is not None
        return prepare_for_features(image, self.card.channels, self.card.image_size)

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Feature vectors float32 [B, 2 D] of uint8 [B, C, height, width], by the model's encoder.

        Raises:
            ValueError: If it has none.
        """
        if not hasattr(self.module, 'backbone'):
            raise ValueError(f'a model for {self.card.task!r} gives no features')
        return extractor_of(self.module, self.card.image_size).encode(images)

    @property
    def features(self) -> str:
        """What :meth:`encode` makes vectors of; see ``FeatureExtractor``."""
        return extractor_of(self.module, self.card.image_size).features

    def shares(self, images: np.ndarray) -> np.ndarray:
        """Shares of the patches; see :func:`~usfm_mm.models.rollout.shares_of`."""
        return shares_of(self.module, self.card.task, images)


def load_checkpoint(file: str | os.PathLike, device: str | torch.device = 'cpu') -> LoadedModel:
    """See :func:`usfm_mm.apis.load_model`."""
    content, card = load_with_card(file)
    try:
        module = build(card)
    except ValueError as error:
        raise CheckpointError(f'{file}: {error}') from error
    try:
        module.load_state_dict(content['state_dict'])
    except RuntimeError as error:
        raise CheckpointError(f'{file}: {_reason(str(error))}') from error
    return LoadedModel(card, module.to(device))


def build(card: Card) -> Any:
    """Build the model that a card describes, in eval mode, without its weights.

    Raises:
        ValueError: If it has a type that no registry has.
    """
    scope = card.config.get('default_scope') or 'mmpretrain'
    if scope in _HOSTS:
        _HOSTS[scope]()
    with DefaultScope.overwrite_default_scope(scope), extractors_apart():
        model = Config(card.config).model  # mmseg asks for attributes
        _check_types(model)
        if 'data_preprocessor' not in model and 'data_preprocessor' in card.config:
            model['data_preprocessor'] = card.config['data_preprocessor']
        module = MODELS.build(model)
    module = revert_sync_batchnorm(module)
    module.requires_grad_(False)
    return module.eval()


def _check_types(model: Any) -> None:
    """Refuse dotted types that are not registered: mmengine would import and call them."""
    scopes = {'mmengine': MODELS, **MODELS.children}
    for place in places(model, {'type'}):
        scope, dot, name = str(place.value).rpartition('.')
        registry = scopes.get(scope)
        if registry is not None:
            registry.import_from_location()
        if dot and (registry is None or name not in registry.module_dict):
            raise ValueError(
                f'model.{place.path} is {place.value!r}, which no registry has: import first what '
                'registers it'
            )


def _reason(text: str) -> str:
    if 'extractor' in text and 'another extractor' in text:
        return (
            'it does not hold the encoder that its generators use: train with '
            '--cfg-options model.generator.save_extractor=True'
        )
    return f'the weights do not fit the model that its card describes: {text.splitlines()[0]}'
