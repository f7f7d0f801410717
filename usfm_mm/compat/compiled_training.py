"""Training with the config's ``compile=True``."""

from typing import Any

import torch
from mmengine.optim import OptimWrapperDict


def keep_update_out(wrapper: Any) -> None:
    """Leave the optimizers' updates out of what torch.compile compiles.

    mmengine compiles ``train_step``, the update of the weights in it. There torch 2.12 fails on the
    parameter groups, which mmengine makes ``ConfigDict`` ("'UserDefinedDictVariable' object has no
    attribute 'items'"), and would compile anew for each learning rate of a schedule. (No upstream
    issue was found.)

    Args:
        wrapper: mmengine's ``OptimWrapper`` or ``OptimWrapperDict``; changed in place.
    """
    for part in wrapper.values() if isinstance(wrapper, OptimWrapperDict) else [wrapper]:
        part.update_params = torch.compiler.disable(part.update_params)
