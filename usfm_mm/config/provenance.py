"""What a checkpoint was trained with, so far as a test with anything else would mislead."""

import json
import logging
from collections.abc import Sequence
from functools import reduce
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log

from usfm_mm.config.card import card_of_run, type_name
from usfm_mm.io.card import CARD_KEY, card_of

# A checkpoint with others of these loads all the same, and gives other numbers.
SETTINGS = ('image_size', 'data_preprocessor', 'model.data_preprocessor')
# What a run that goes on must have as it began: the checkpoint's rates and counters are taken.
RUN = (
    'train_cfg.max_epochs',
    'train_cfg.max_iters',
    'optim_wrapper',
    'param_scheduler',
    'auto_scale_lr',
)
RUN_KEY = 'run'
OLD_KEY = 'trained_with'  # of a model without a card, and of checkpoints before there was one


def settings_of(cfg: Config | dict, names: Sequence[str] = SETTINGS) -> dict[str, str]:
    """Settings of a config that a test must share, as JSON by name; absent ones are left out."""
    found = {name: _get(cfg, name) for name in names}
    return {
        name: json.dumps(value, sort_keys=True, default=type_name)
        for name, value in found.items()
        if value is not None
    }


def note_settings(cfg: Config, checkpoint: dict, dataset: Any) -> None:
    """Put the model's card, and what the run must go on with, into a checkpoint to be saved.

    Args:
        cfg: Of the run.
        checkpoint: Changed in place.
        dataset: Of training; None where there is none.
    """
    card = card_of_run(cfg, dataset)
    if card is None:
        checkpoint['meta'][OLD_KEY] = settings_of(cfg)
    else:
        checkpoint['meta'][CARD_KEY] = card.to_dict()
    checkpoint['meta'][RUN_KEY] = settings_of(cfg, RUN)


def trained_with(checkpoint: Any) -> dict[str, Any]:
    """What a checkpoint of ours was trained with, as its config had it.

    Returns:
        ``image_size``, ``model``, ``data_preprocessor`` and ``default_scope``, those that there
        are; of a checkpoint without a card, the settings of a test. Empty for a file that
        does not tell.
    """
    card = card_of(checkpoint)
    if card is not None:
        return card.config
    meta = checkpoint.get('meta') if isinstance(checkpoint, dict) else None
    noted = meta.get(OLD_KEY) if isinstance(meta, dict) else None
    found: dict[str, Any] = {}
    for name, value in (noted or {}).items():
        *path, last = name.split('.')
        reduce(lambda node, key: node.setdefault(key, {}), path, found)[last] = json.loads(value)
    return found


def input_of(content: Any) -> tuple[list[float], list[float], Any] | None:
    """Mean, std and image size that the encoder of a file of ours takes; None where it tells none.

    Args:
        content: What :func:`~usfm_mm.models.checkpoints.files.load_file` gave.

    Returns:
        One mean and one std for each channel, 0 to 255, and the size or None.
    """
    settings = trained_with(content)
    model = settings.get('model') or {}
    nodes = (
        model.get('generator'),  # a GAN's own images are in [-1, 1], its encoder's are not
        model.get('data_preprocessor'),
        settings.get('data_preprocessor'),
    )
    for node in nodes:
        if node and node.get('mean') and node.get('std'):
            return node['mean'], node['std'], settings.get('image_size')
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
    then, now = settings_of(trained_with(checkpoint)), settings_of(cfg)
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
