"""The learning rate that is logged: the highest, which is the heads'."""

import copy
from typing import Any

import torch
from mmengine.dist import get_world_size
from mmengine.hooks import RuntimeInfoHook
from mmengine.registry import PARAM_SCHEDULERS

from usfm_mm.registry import HOOKS

_STEPS = 1000  # of the sketch of a schedule


@HOOKS.register_module()
class LearningRateHook(RuntimeInfoHook):
    """mmengine's ``RuntimeInfoHook``, which logs the highest learning rate and says it at start.

    mmengine logs that of the first parameter group: under layer-wise decay that of the first
    layer, some hundredth of what the heads learn at.
    """

    def before_train(self, runner: Any) -> None:
        """Log what the rate rises to and ends at, and for how many images a step it is."""
        super().before_train(runner)
        runner.logger.info(describe_rate(runner))

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Note iteration and learning rate."""
        runner.message_hub.update_info('iter', runner.iter)
        for name, rates in runner.optim_wrapper.get_lr().items():
            runner.message_hub.update_scalar(f'train/{name}', max(rates))


def describe_rate(runner: Any) -> str:
    """Peak and final learning rate of a run, and the images of a step that it is meant for.

    Args:
        runner: mmengine runner whose optimizers and schedulers are built.
    """
    wrapper, cfg = runner.optim_wrapper, runner.cfg
    wrappers = list(wrapper.values()) if hasattr(wrapper, 'values') else [wrapper]
    groups = [group for each in wrappers for group in each.optimizer.param_groups]
    first = [group.get('initial_lr', group['lr']) for group in groups]
    rates = schedule_rates(cfg.get('param_scheduler'), max(first), runner.max_epochs)
    text = f'Learning rate: at most {max(rates, default=max(first)):.3g}'
    if rates:
        text += f', {rates[-1]:.2g} at the end'
    if min(first) < max(first):
        text += f'; of the heads, the first layers learn at {min(first) / max(first):.2g} of it'
    steps = getattr(wrappers[0], '_accumulative_counts', 1)
    images = get_world_size() * (runner.train_dataloader.batch_size or 1) * steps
    scale = cfg.get('auto_scale_lr') or {}
    base = scale.get('base_batch_size', 0) * (steps if scale.get('enable') else 1)
    if base and base != images:
        done = 'scaled in proportion' if scale.get('enable') else 'not scaled (--auto-scale-lr)'
        text += f'. The config gives it for {base:g} images a step, this run has {images}: {done}'
    return f'{text}.'


def schedule_rates(schedulers: Any, rate: float, epochs: int) -> list[float]:
    """Learning rates over a run, sketched in about a thousand steps.

    Empty where a schedule counts iterations or differs between optimizers.

    Args:
        schedulers: Settings of mmengine's ``param_scheduler``; None for a constant rate.
        rate: Of the optimizer.
        epochs: Length of the run.

    >>> cosine = dict(type='CosineAnnealingLR', eta_min=0.1, convert_to_iter_based=True)
    >>> [round(schedule_rates([cosine], 1.0, 10)[i], 2) for i in (0, -1)]
    [1.0, 0.1]
    """
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)
    length = max(1, _STEPS // epochs)
    built = []
    for settings in [schedulers] if isinstance(schedulers, dict) else schedulers or []:
        if 'type' not in settings or not settings.get('by_epoch', True):
            return []
        settings = copy.deepcopy(dict(settings, convert_to_iter_based=True))
        settings.setdefault('end', epochs)
        if int(settings['end'] * length) > int(settings.get('begin', 0) * length):
            arguments = dict(optimizer=optimizer, epoch_length=length)
            built.append(PARAM_SCHEDULERS.build(settings, default_args=arguments))
    rates: list[float] = []
    for _ in range(epochs * length):
        rates.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        for scheduler in built:
            scheduler.step()
    return rates
