"""What belongs to the end of an epoch."""

from typing import Any

from mmengine.runner import EpochBasedTrainLoop


def validation_was_due(runner: Any) -> bool:
    """Whether a run that has just been resumed stands at the end of an epoch to validate.

    Args:
        runner: Of mmengine, with its loops built.

    Example:
        >>> from types import SimpleNamespace
        >>> validation_was_due(SimpleNamespace(train_loop=None, val_loop=None))
        False
    """
    loop = runner.train_loop
    if runner.val_loop is None or not isinstance(loop, EpochBasedTrainLoop) or not loop.epoch:
        return False
    if loop.iter != loop.epoch * len(loop.dataloader):  # in mid-epoch
        return False
    loop._decide_current_val_interval()
    last = loop.epoch == loop.max_epochs
    return loop.epoch >= loop.val_begin and (last or loop.epoch % loop.val_interval == 0)
