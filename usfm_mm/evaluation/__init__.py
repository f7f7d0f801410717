"""Registered metrics."""

from .bootstrap_cls import BootstrapClsMetric
from .enhancement_metric import EnhancementMetric
from .labels_metric import LabelsMetric
from .per_image_seg import PerImageSegMetric
from .reconstruction_metric import ReconstructionMetric
from .values_metric import ValuesMetric

__all__ = [
    'BootstrapClsMetric',
    'EnhancementMetric',
    'LabelsMetric',
    'PerImageSegMetric',
    'ReconstructionMetric',
    'ValuesMetric',
]
