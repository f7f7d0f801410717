"""Registered loops, runners, hooks and optimizer constructors."""

from .hooks import *  # noqa: F403
from .loop import ResumableEpochTrainLoop
from .optim import LayerDecayOptimWrapperConstructor
from .runner import QuietFlexibleRunner, QuietRunner

__all__ = [
    'LayerDecayOptimWrapperConstructor',
    'QuietFlexibleRunner',
    'QuietRunner',
    'ResumableEpochTrainLoop',
]
