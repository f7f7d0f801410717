"""The weights that a run reports on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmengine.hooks import EMAHook


@contextmanager
def validated_weights(runner: Any) -> Iterator[None]:
    """Put those weights into the model that a validation uses and a checkpoint holds.

    With mmengine's ``EMAHook`` these are the averaged ones; else nothing changes.
    """
    averages = [hook for hook in runner.hooks if isinstance(hook, EMAHook)]
    for hook in averages:
        hook._swap_ema_parameters()
    try:
        yield
    finally:
        for hook in averages:
            hook._swap_ema_parameters()
