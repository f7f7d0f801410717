"""Data sets, samplers and transforms."""

from . import transforms
from .enhancement import EnhancementDataset
from .index import read_index, write_index
from .packed import PackedImages
from .sampler import OrganBalancedSampler
from .seeding import SeededIndex, seeded
from .shuffle_sampler import ShuffleSampler
from .ultrasound import UltrasoundDataset

__all__ = [
    'EnhancementDataset',
    'OrganBalancedSampler',
    'PackedImages',
    'SeededIndex',
    'ShuffleSampler',
    'UltrasoundDataset',
    'read_index',
    'seeded',
    'transforms',
    'write_index',
]
