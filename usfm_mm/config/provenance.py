"""What a checkpoint was trained with, so far as a test with anything else would mislead."""

import json
import logging
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log

# A checkpoint with others of these loads all the same, and gives other numbers.
_SETTINGS = ('image_size', 'data_preprocessor', 'model.data_preprocessor')
_KEY = 'trained_with'
# What a run that goes on must have as it began: the checkpoint's rates and counters are taken.
_RUN = ('train_cfg.max_epochs', 'train_cfg.max_iters', 'optim_wrapper', 'param_scheduler')
_RUN_KEY = 'run'


def settings_of(cfg: Config, names: Sequence[str] = _SETTINGS) -> dict[str, str]:
    """Settings of a config that a test must share, as JSON by name; absent ones are left out."""
    found = {name: _get(cfg, name) for name in names}
    return {
        name: json.dumps(value, sort_keys=True, default=str)
        for name, value in found.items()
        if value is not None
    }


def note_settings(cfg: Config, checkpoint: dict) -> None:
    """Put the settings into a checkpoint that is about to be saved."""
    checkpoint['meta'][_KEY] = settings_of(cfg)
    checkpoint['meta'][_RUN_KEY] = settings_of(cfg, (*_RUN, 'auto_scale_lr'))


def trained_with(checkpoint: Any) -> dict[str, Any]:
    """Settings that :func:`note_settings` put into a checkpoint; empty for one of others."""
    meta = checkpoint.get('meta') if isinstance(checkpoint, dict) else None
    noted = meta.get(_KEY) if isinstance(meta, dict) else None
    return {name: json.loads(value) for name, value in (noted or {}).items()}


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
    then, now = meta.get(_KEY, {}), settings_of(cfg)
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


def check_goes_on(cfg: Config, checkpoint: dict, source: str) -> None:
    """Refuse to go on with a run otherwise than it began.

    A checkpoint that does not tell, such as one made before this was noted, is taken as it is.

    Args:
        cfg: Of the run that is to go on.
        checkpoint: As loaded.
        source: Its name.

    Raises:
        ValueError: If the checkpoint holds weights only, or schedule, optimizer, image size or
            normalisation are others.
    """
    meta = checkpoint.get('meta') or {}
    how = f'to begin a run from its weights: --cfg-options load_from={source} --work-dir ANOTHER'
    if 'optimizer' not in checkpoint:
        raise ValueError(
            f'--resume {source}: it holds weights without the state of the optimizer. --resume '
            f'alone takes the latest checkpoint; {how}'
        )
    then = {**meta.get(_RUN_KEY, {}), **meta.get(_KEY, {})}
    now = settings_of(cfg, (*_RUN, 'auto_scale_lr', *_SETTINGS))
    before, after = (
        dict(_leaves({name: json.loads(of.get(name, 'null')) for name in then}))
        for of in (then, now)
    )
    different = [
        f'{name} is {after.get(name)}, it began with {before.get(name)}'
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name) and name != 'optim_wrapper.type'
    ]
    if different:
        raise ValueError(
            f'--resume {source}: a run goes on as it began, but {"; ".join(different[:3])}. Give '
            f'the options of its beginning, or, {how}'
        )


def is_finished(cfg: Config, checkpoint: dict) -> bool:
    """Whether a checkpoint, saved by ``SafeCheckpointHook``, is that of the end of its run."""
    meta, train_cfg = checkpoint.get('meta') or {}, cfg.get('train_cfg') or {}
    total = train_cfg.get('max_iters')
    if train_cfg.get('max_epochs') and 'iters_per_epoch' in meta:
        total = train_cfg['max_epochs'] * meta['iters_per_epoch']
    return bool(total) and meta.get('iter', 0) >= total


def _leaves(node: Any, path: str = '') -> Iterator[tuple[str, Any]]:
    if not isinstance(node, (dict, list)):
        yield path, node
        return
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        yield from _leaves(value, f'{path}.{key}' if path else str(key))


def _get(cfg: Any, name: str) -> Any:
    return reduce(lambda node, key: (node or {}).get(key), name.split('.'), cfg)
