"""What is about to be trained, on one screen."""

import os
from typing import Any

import numpy as np
from mmengine.dist import get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import EpochBasedTrainLoop
from rich.console import Console
from rich.table import Table

from usfm_mm.evaluation.flops import device_name
from usfm_mm.registry import HOOKS
from usfm_mm.sampling import organ_probabilities


@HOOKS.register_module()
class SummaryHook(Hook):
    """Logs data (by organ where the data set tells), model size, batch and device at the start."""

    priority = 'LOW'

    def before_train(self, runner: Any) -> None:
        """Log the summary on the main process."""
        if is_main_process():
            runner.logger.info('\n' + summary(runner))

    def after_train_epoch(self, runner: Any) -> None:
        """Report images that could not be read so far."""
        bad = getattr(runner.train_dataloader.dataset, 'num_bad', 0)
        if bad and is_main_process():
            runner.logger.warning(f'{bad} draws of unreadable images were replaced so far.')


def summary(runner: Any) -> str:
    """Describe a run.

    Args:
        runner: mmengine runner whose training parts are built.

    Returns:
        A short table or two as text, at most 80 columns wide; images by organ where the data set
        tells the organs.
    """
    loader = runner.train_dataloader
    console = Console(width=80, color_system=None)
    with console.capture() as text:
        if hasattr(loader.dataset, 'organ_ids') and 'organs' in loader.dataset.metainfo:
            console.print(_organs(loader))
        facts = Table(box=None, show_header=False)
        for key, value in _facts(runner).items():
            facts.add_row(key, value)
        console.print(facts)
    return text.get()


def _organs(loader: Any) -> Table:
    table = Table('training images', box=None)
    for column in ('number', 'share', 'drawn'):
        table.add_column(column, justify='right')
    organs = loader.dataset.metainfo['organs']
    counts = np.bincount(loader.dataset.organ_ids, minlength=len(organs))
    chance = organ_probabilities(counts, getattr(loader.sampler, 'power', 0.0))
    for i in np.argsort(-counts):
        table.add_row(
            organs[i], f'{counts[i]:,}', f'{counts[i] / counts.sum():.2%}', f'{chance[i]:.2%}'
        )
    return table


def _facts(runner: Any) -> dict[str, str]:
    loader = runner.train_dataloader
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    parameters = sum(p.numel() for p in model.parameters()) / 1e6
    world, batch = get_world_size(), loader.batch_size
    steps = getattr(runner.optim_wrapper, '_accumulative_counts', 1)
    name = device_name(next(model.parameters()).device)
    length = f'{runner.max_iters:,} iterations'
    if isinstance(runner.train_loop, EpochBasedTrainLoop):
        length = f'{runner.max_epochs} epochs x {len(loader):,} iterations'
    return {
        'images': f'{len(loader.dataset):,}',
        'model': f'{type(model).__name__}, {parameters:.1f} M parameters',
        'device': f'{world} x {name}',
        'batch': f'{world} x {batch} x {steps} = {world * batch * steps} images per step',
        'length': length,
        'loading': f'{loader.num_workers} workers per process, {os.cpu_count()} cores',
        'seed': str(runner.seed),
        'folder': runner.work_dir,
    }
