"""Registered hooks."""

from .checkpoint import SafeCheckpointHook
from .embedding import EmbeddingHook
from .iteration_seed import IterationSeedHook
from .reconstruction import ReconstructionHook
from .summary import SummaryHook
from .test_report import TestReportHook
from .throughput import ThroughputHook

__all__ = [
    'EmbeddingHook',
    'IterationSeedHook',
    'ReconstructionHook',
    'SafeCheckpointHook',
    'SummaryHook',
    'TestReportHook',
    'ThroughputHook',
]
