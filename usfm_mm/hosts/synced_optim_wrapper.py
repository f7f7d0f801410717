"""Training a GAN on several processes."""

from typing import Any

from mmengine.dist import all_reduce_params
from mmengine.optim import OptimWrapper

from usfm_mm.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class SyncedOptimWrapper(OptimWrapper):
    """``OptimWrapper`` that steps by the mean gradient of all processes.

    mmagic's CycleGAN and Pix2Pix call the networks inside their data-parallel wrappers, not the
    wrappers, and so PyTorch exchanges no gradient: each process trains a model of its own. (No
    upstream issue was found.) On one process it is the parent.
    """

    def step(self, **kwargs: Any) -> None:
        """Average the gradients, then step."""
        parameters = (p for group in self.param_groups for p in group['params'])
        all_reduce_params([p.grad for p in parameters if p.grad is not None], op='mean')
        super().step(**kwargs)
