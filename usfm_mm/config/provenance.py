"""What a checkpoint was trained with, so far as a test with anything else would mislead."""

import json
import logging
from collections.abc import Sequence
from functools import reduce
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log

from usfm_mm.io.card import card_of

# A checkpoint with others of these loads all the same, and gives other numbers.
SETTINGS = ('image_size', 'data_preprocessor', 'model.data_preprocessor')
KEY = 'trained_with'
# What a run that goes on must have as it began: the checkpoint's rates and counters are taken.
RUN = (
    'train_cfg.max_epochs',
    'train_cfg.max_iters',
    'optim_wrapper',
    'param_scheduler',
    'auto_scale_lr',
)
RUN_KEY = 'run'


def settings_of(cfg: Config, names: Sequence[str] = SETTINGS) -> dict[str, str]:
    """Settings of a config that a test must share, as JSON by name; absent ones are left out."""
    found = {name: _get(cfg, name) for name in names}
    return {
        name: json.dumps(value, sort_keys=True, default=str)
        for name, value in found.items()
        if value is not None
    }


def note_settings(cfg: Config, checkpoint: dict) -> None:
    """Put the settings into a checkpoint that is about to be saved."""
    checkpoint['meta'][KEY] = settings_of(cfg)
    checkpoint['meta'][RUN_KEY] = settings_of(cfg, RUN)


def trained_with(checkpoint: Any) -> dict[str, Any]:
    """Settings that :func:`note_settings` put into a checkpoint; empty for one of others."""
    meta = checkpoint.get('meta') if isinstance(checkpoint, dict) else None
    noted = meta.get(KEY) if isinstance(meta, dict) else None
    return {name: json.loads(value) for name, value in (noted or {}).items()}


def input_of(content: Any) -> tuple[list[float], list[float], Any] | None:
    """Mean, std and image size that a file of ours was trained with; None where it tells none.

    Args:
        content: What :func:`~usfm_mm.models.checkpoints.files.load_file` gave.

    Returns:
        One mean and one std for each channel, 0 to 255, and the size or None. A GAN tells none:
        its generator's images are not its encoder's.
    """
    card = card_of(content)
    if card is not None:
        told = card.task != 'enhance' and card.mean and card.std
        return (card.mean, card.std, card.image_size) if told else None
    settings = trained_with(content)  # before there were cards
    for value in settings.values():
        if isinstance(value, dict) and value.get('mean') and value.get('std'):
            return value['mean'], value['std'], settings.get('image_size')
    return None


def compare_settings(cfg: Config, classes: list[str] | None, checkpoint: dict) -> None:
    """Warn of what a test does otherwise than the training did.

    A checkpoint that does not tell, such as a host's own, is taken as it is.

    Args:
        cfg: Of the test.
        classes: Of the test set, in the order of their numbers; None where it has none.
        checkpoint: As loaded.

    Raises:
        ValueError: The classes are those of the training in another order.
    """
    meta = checkpoint.get('meta') or {}
    then, now = meta.get(KEY, {}), settings_of(cfg)
    different = [
        f'{name} is {now[name]}, in training it was {then[name]}'
        for name in now.keys() & then.keys()
        if now[name] != then[name]
    ]
    trained = (meta.get('dataset_meta') or {}).get('classes')
    if trained and classes and list(trained) != list(classes):
        told = f'the classes are {", ".join(classes)}, in training they were {", ".join(trained)}'
        if sorted(trained) == sorted(classes):
            raise ValueError(
                f'{told}: their numbers differ. Prepare the data again with the classes in the '
                'order of the training, or set metainfo and renumber the labels'
            )
        different.append(told)
    for text in sorted(different):
        print_log(f'Other than in training: {text}.', logger='current', level=logging.WARNING)


def _get(cfg: Any, name: str) -> Any:
    return reduce(lambda node, key: (node or {}).get(key), name.split('.'), cfg)
