"""Data sets, samplers and transforms."""

from . import transforms
from .class_sampler import ClassBalancedSampler
from .enhancement import EnhancementDataset
from .sampler import OrganBalancedSampler
from .seeding import SeededIndex, seeded
from .shuffle_sampler import ShuffleSampler
from .table import TableDataset
from .ultrasound import UltrasoundDataset

__all__ = [
    'ClassBalancedSampler',
    'EnhancementDataset',
    'OrganBalancedSampler',
    'SeededIndex',
    'ShuffleSampler',
    'TableDataset',
    'UltrasoundDataset',
    'seeded',
    'transforms',
]
