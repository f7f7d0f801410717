"""Batch normalisation on several processes that are not synchronised (``SyncBN`` needs a GPU)."""

from typing import Any

from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from torch.nn.modules.batchnorm import _BatchNorm


class AverageRunningStatistics(Hook):
    """Give all ranks the same running means and variances at the end of an epoch.

    mmengine's DDP never exchanges buffers. Each rank would validate with its own statistics, and
    the score of all would be that of no model: a checkpoint holds those of the first rank. The
    host's ``SyncBuffersHook`` averages every buffer, constants too, which rounds them.
    """

    def after_train_epoch(self, runner: Any) -> None:
        """Average over the ranks, before what validates and saves."""
        for module in runner.model.modules():
            if isinstance(module, _BatchNorm) and module.running_mean is not None:
                all_reduce(module.running_mean, op='mean')
                all_reduce(module.running_var, op='mean')
