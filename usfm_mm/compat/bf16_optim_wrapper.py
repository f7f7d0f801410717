"""bfloat16 training on any device."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper
from torch import nn

from usfm_mm.registry import OPTIM_WRAPPERS

_FLAGS = {'avx512_bf16', 'amx_bf16', 'bf16'}  # of x86 and ARM, as Linux names them
_CPUINFO = Path('/proc/cpuinfo')


@cache
def computes_bf16(device: str) -> bool:
    """Whether a device has instructions for products of bfloat16.

    PyTorch computes them on every CPU, but without these some times slower than those of float32.

    Args:
        device: 'cpu' or 'cuda'. Of a CPU Linux tells; elsewhere the answer is no.

    Example:
        >>> computes_bf16('cpu') in (False, True)
        True
    """
    if device == 'cuda':
        return torch.cuda.get_device_capability() >= (8, 0)
    if device != 'cpu' or not _CPUINFO.is_file():
        return False
    return not _FLAGS.isdisjoint(_CPUINFO.read_text(encoding='utf-8').split())


@OPTIM_WRAPPERS.register_module()
class BF16OptimWrapper(OptimWrapper):
    """``OptimWrapper`` whose forward pass runs under bfloat16 autocast.

    mmengine's ``AmpOptimWrapper`` refuses a CPU. bfloat16 has float32's range, so no loss scaler
    is needed either. For float16 on an older GPU set ``type='AmpOptimWrapper'``.

    Args:
        *args: As of ``OptimWrapper``.
        only_native: Stay with float32 on a device that :func:`computes_bf16` says no of.
        **kwargs: As of ``OptimWrapper``.
    """

    def __init__(self, *args: Any, only_native: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.only_native = only_native
        device = self.optimizer.param_groups[0]['params'][0].device.type
        if only_native and not computes_bf16(device):
            print_log(f'Precision: float32, as this {device} has no bfloat16.', 'current')

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Autocast, besides what the parent does for gradient accumulation."""
        device = next(model.parameters()).device.type
        wanted = not self.only_native or computes_bf16(device)
        with super().optim_context(model), torch.autocast(device, torch.bfloat16, enabled=wanted):
            yield
