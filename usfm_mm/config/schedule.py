"""Length of a run, its schedule and its learning rate."""

import logging
from collections.abc import Iterator
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log

from usfm_mm.config.places import places

_TO_THE_END = ('Cosine', 'Poly', 'OneCycle')  # these stay at their last rate


def set_epochs(cfg: Config, epochs: int) -> None:
    """Make the run ``epochs`` long, with warm-up and decay in proportion.

    Args:
        cfg: Config that counts epochs; changed in place.
        epochs: At least 1.

    Raises:
        ValueError: If ``epochs`` is below 1, or the config counts iterations.
    """
    old = (cfg.get('train_cfg') or {}).get('max_epochs')
    if not old:
        raise ValueError(f'--epochs: {cfg.filename} does not train by epochs')
    if epochs < 1:
        raise ValueError(f'--epochs must be at least 1, got {epochs}')
    for _, scheduler in _schedulers(cfg.get('param_scheduler')):
        if not scheduler.get('by_epoch', True):
            continue
        whole = not scheduler.get('convert_to_iter_based')
        for key in {'begin', 'end', 'T_max', 'milestones', 'step_size'} & scheduler.keys():
            scheduler[key] = _scaled(scheduler[key], epochs, old, whole)
    cfg.train_cfg.max_epochs = epochs
    interval = cfg.train_cfg.get('val_interval', 1)
    cfg.train_cfg.val_interval = min(interval, epochs)


def set_lr(cfg: Config, lr: float) -> None:
    """Set the learning rate of every optimizer; with layer decay it is the head's.

    Raises:
        ValueError: If ``lr`` is not positive, or the config's optimizers learn at several rates.
    """
    rates = list(places({'optim_wrapper': cfg.get('optim_wrapper') or {}}, {'lr'}))
    if not lr > 0:
        raise ValueError(f'--lr must be above 0, got {lr}')
    if len({place.value for place in rates}) != 1:
        raise ValueError(
            f'--lr: {cfg.filename} has {len(rates)} learning rates: use --cfg-options for each'
        )
    for place in rates:
        place.node[place.key] = lr


def follow_max_epochs(cfg: Config, options: dict[str, Any]) -> None:
    """Fit the schedule to ``--cfg-options train_cfg.max_epochs``, unless that is given too."""
    epochs = options.get('train_cfg.max_epochs')
    by_hand = any(option.startswith('param_scheduler') for option in options)
    if not isinstance(epochs, int) or by_hand or epochs == cfg.train_cfg.get('max_epochs'):
        return
    set_epochs(cfg, epochs)
    print_log(
        f'train_cfg.max_epochs={epochs}: the schedule follows, as with --epochs {epochs}.',
        logger='current',
        level=logging.INFO,
    )


def check_schedule(cfg: Config) -> None:
    """Refuse a schedule that does not end with the run.

    Raises:
        ValueError: With both places.
    """
    train_cfg = cfg.get('train_cfg') or {}
    for path, scheduler in _schedulers(cfg.get('param_scheduler')):
        key = 'max_epochs' if scheduler.get('by_epoch', True) else 'max_iters'
        length = train_cfg.get(key)
        if not length:
            continue
        begin, end = scheduler.get('begin', 0), scheduler.get('end', length)
        early = end < length and any(name in scheduler['type'] for name in _TO_THE_END)
        if begin >= length or end > length or early and not _followed(cfg, end):
            raise ValueError(
                f'train_cfg.{key} is {length}, but {path} ({scheduler["type"]}) goes from {begin} '
                f'to {end}: use --epochs, which changes both'
            )


def without_empty(schedulers: Any, epoch_length: int) -> Any:
    """Leave out schedulers of less than one iteration, which mmengine refuses.

    The warm-up of 10 of 200 epochs is one of a twentieth when the run is one epoch long.
    """
    if not isinstance(schedulers, list):
        return schedulers
    return [
        scheduler
        for scheduler in schedulers
        if not (
            isinstance(scheduler, dict)
            and scheduler.get('convert_to_iter_based')
            and 'end' in scheduler
            and int(scheduler['end'] * epoch_length)
            <= int(scheduler.get('begin', 0) * epoch_length)
        )
    ]


def _scaled(value: Any, epochs: int, old: int, whole: bool) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(_scaled(item, epochs, old, whole) for item in value)
    scaled = value * epochs / old
    return max(min(value, 1), round(scaled)) if whole or scaled == int(scaled) else scaled


def _schedulers(node: Any, path: str = 'param_scheduler') -> Iterator[tuple[str, dict]]:
    """Path and settings of each scheduler: one, a list, or those of several optimizers."""
    if isinstance(node, dict) and 'type' in node:
        yield path, node
    elif isinstance(node, (dict, list)):
        for key, child in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _schedulers(child, f'{path}.{key}')


def _followed(cfg: Config, end: float) -> bool:
    """Whether another scheduler goes on from there."""
    return any(other.get('begin', 0) >= end for _, other in _schedulers(cfg.param_scheduler))
