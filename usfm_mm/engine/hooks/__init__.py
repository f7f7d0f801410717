"""Registered hooks."""

from .checkpoint import SafeCheckpointHook
from .cost import CostHook
from .curves import CurvesHook
from .embedding import EmbeddingHook
from .enhancement import EnhancementHook
from .first_batch import FirstBatchHook
from .image_buffer import ImageBufferHook
from .iteration_seed import IterationSeedHook
from .learning_rate import LearningRateHook
from .reconstruction import ReconstructionHook
from .summary import SummaryHook
from .test_report import TestReportHook
from .throughput import ThroughputHook

__all__ = [
    'CostHook',
    'CurvesHook',
    'EmbeddingHook',
    'EnhancementHook',
    'FirstBatchHook',
    'ImageBufferHook',
    'IterationSeedHook',
    'LearningRateHook',
    'ReconstructionHook',
    'SafeCheckpointHook',
    'SummaryHook',
    'TestReportHook',
    'ThroughputHook',
]
