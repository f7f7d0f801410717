"""Training a GAN of mmagic on several processes.

mmagic's CycleGAN and Pix2Pix call the networks inside their data-parallel wrappers, not the
wrappers, and so PyTorch exchanges no gradient: each process trains a model of its own. And
mmengine's ``MMSeparateDistributedDataParallel`` puts ``module`` into the names of the weights
(``generators.module.A``), so that a checkpoint of several processes does not fit a model in one,
which mmengine only warns of. (No upstream issue was found for either.)
"""

from typing import Any

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import all_reduce_params, broadcast
from mmengine.model import MMSeparateDistributedDataParallel
from mmengine.optim import OptimWrapper
from torch import nn

from usfm_mm.registry import MODEL_WRAPPERS, OPTIM_WRAPPERS


@MODEL_WRAPPERS.register_module()
class SyncedGAN(MMSeparateDistributedDataParallel):
    """Starts all processes from the weights of the first one, and leaves their names alone.

    Gradients are averaged by :class:`SyncedOptimWrapper`.

    Args:
        module: The GAN.
        unused: What mmengine's runner gives every wrapper (``device_ids``).
    """

    def __init__(self, module: nn.Module, **unused: Any) -> None:
        nn.Module.__init__(self)  # the parents' constructors wrap, as mmengine's skips PyTorch's
        self.module = module.to(get_device())
        for tensor in (*module.parameters(), *module.buffers()):
            broadcast(tensor.data)


@OPTIM_WRAPPERS.register_module()
class SyncedOptimWrapper(OptimWrapper):
    """``OptimWrapper`` that steps by the mean gradient of all processes; on one, its parent."""

    def step(self, **kwargs: Any) -> None:
        """Average the gradients, then step."""
        parameters = (p for group in self.param_groups for p in group['params'])
        all_reduce_params([p.grad for p in parameters if p.grad is not None], op='mean')
        super().step(**kwargs)


def check_synced(cfg: Config) -> None:
    """Refuse a config of CycleGAN or Pix2Pix whose processes would train apart.

    Args:
        cfg: With ``launcher``.

    Raises:
        ValueError: If there are several processes and no :class:`SyncedGAN` or
            :class:`SyncedOptimWrapper`.
    """
    if cfg.launcher == 'none' or cfg.model.type not in ('CycleGAN', 'Pix2Pix'):
        return
    networks = [value for value in cfg.optim_wrapper.values() if isinstance(value, dict)]
    synced = cfg.get('model_wrapper_cfg', {}).get('type') == 'usfm_mm.SyncedGAN' and all(
        network.get('type') == 'usfm_mm.SyncedOptimWrapper' for network in networks
    )
    if not synced:
        raise ValueError(
            f'{cfg.filename}: the processes would train a GAN each. Set '
            "model_wrapper_cfg=dict(_delete_=True, type='usfm_mm.SyncedGAN') and, for generators "
            "and discriminators in optim_wrapper, type='usfm_mm.SyncedOptimWrapper'"
        )
