"""Registered loops, hooks and optimizer constructors."""

from .hooks import *  # noqa: F403
from .layer_decay import LayerDecayOptimWrapperConstructor
from .loop import ResumableEpochTrainLoop

__all__ = ['LayerDecayOptimWrapperConstructor', 'ResumableEpochTrainLoop']
