"""What is about to be trained, on one screen."""

from typing import Any

import numpy as np
import torch
from mmengine.dist import get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from rich.console import Console
from rich.table import Table

from usfm_mm.registry import HOOKS


@HOOKS.register_module()
class SummaryHook(Hook):
    """Logs data by organ, model size, batch and device at the start of training.

    Needs a dataset with ``organ_ids`` and ``metainfo['organs']``, as ``UltrasoundDataset``.
    """

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
        Two short tables as text, at most 80 columns wide.
    """
    loader = runner.train_dataloader
    table = Table(box=None)
    for column in ('training images', 'number', 'share', 'drawn'):
        table.add_column(column, justify='left' if column == 'training images' else 'right')
    organs = loader.dataset.metainfo['organs']
    counts = np.bincount(loader.dataset.organ_ids, minlength=len(organs))
    power = getattr(loader.sampler, 'power', 0.0)
    chance = np.where(counts > 0, counts.clip(1) ** (1.0 - power), 0.0)
    for i in np.argsort(-counts):
        share, drawn = counts[i] / counts.sum(), chance[i] / chance.sum()
        table.add_row(organs[i], f'{counts[i]:,}', f'{share:.2%}', f'{drawn:.2%}')

    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    parameters = sum(p.numel() for p in model.parameters()) / 1e6
    world, batch = get_world_size(), loader.batch_size
    steps = getattr(runner.optim_wrapper, '_accumulative_counts', 1)
    device = next(model.parameters()).device
    name = (
        torch.cuda.get_device_name(device)
        if device.type == 'cuda'
        else (f'CPU, {torch.get_num_threads()} threads')
    )
    rows = {
        'model': f'{type(model).__name__}, {parameters:.1f} M parameters',
        'device': f'{world} x {name}',
        'batch': f'{world} x {batch} x {steps} = {world * batch * steps} images per step',
        'length': f'{runner.max_epochs} epochs x {len(loader):,} iterations',
        'seed': str(runner.seed),
        'folder': runner.work_dir,
    }
    facts = Table(box=None, show_header=False)
    for key, value in rows.items():
        facts.add_row(key, value)
    console = Console(width=80, color_system=None)
    with console.capture() as text:
        console.print(table)
        console.print(facts)
    return text.get()
