"""Registered loops and hooks."""

from .hooks import *  # noqa: F403
from .loop import ResumableEpochTrainLoop

__all__ = ['ResumableEpochTrainLoop']
