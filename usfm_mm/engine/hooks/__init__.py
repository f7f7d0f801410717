"""Registered hooks."""

from .checkpoint import SafeCheckpointHook
from .embedding import EmbeddingHook
from .iteration_seed import IterationSeedHook
from .reconstruction import ReconstructionHook
from .summary import SummaryHook
from .throughput import ThroughputHook

__all__ = [
    'EmbeddingHook',
    'IterationSeedHook',
    'ReconstructionHook',
    'SafeCheckpointHook',
    'SummaryHook',
    'ThroughputHook',
]
