"""Augmentation that depends on the draw alone, for the hosts' data sets."""

import random

import numpy as np
import torch
from mmcv.transforms import BaseTransform

from usfm_mm.datasets.seeding import SeededIndex
from usfm_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class SeedDraw(BaseTransform):
    """Seed ``random``, NumPy and PyTorch (CPU) with the draw's own seed; to stand first.

    mmengine's data sets hand the index that they were asked for to the pipeline as ``sample_idx``.
    Where it comes from ``usfm_mm.ShuffleSampler`` it carries a seed; other indices change nothing.
    Nothing is restored afterwards: what the model draws is ``IterationSeedHook``'s to seed.
    """

    def transform(self, results: dict) -> dict:
        """Seed the generators of this process.

        Args:
            results: With ``sample_idx``.

        Returns:
            ``results``, unchanged.
        """
        index = results.get('sample_idx')
        if isinstance(index, SeededIndex):
            random.seed(index.seed)
            np.random.seed(index.seed)
            torch.default_generator.manual_seed(index.seed)
        return results
