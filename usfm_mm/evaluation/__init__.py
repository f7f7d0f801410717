"""Registered metrics."""

from .bootstrap_cls import BootstrapClsMetric
from .per_image_seg import PerImageSegMetric
from .reconstruction import ReconstructionMetric

__all__ = ['BootstrapClsMetric', 'PerImageSegMetric', 'ReconstructionMetric']
