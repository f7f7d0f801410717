"""Registered metrics."""

from .bootstrap_cls import BootstrapClsMetric
from .enhancement_metric import EnhancementMetric
from .per_image_seg import PerImageSegMetric
from .reconstruction_metric import ReconstructionMetric

__all__ = ['BootstrapClsMetric', 'EnhancementMetric', 'PerImageSegMetric', 'ReconstructionMetric']
