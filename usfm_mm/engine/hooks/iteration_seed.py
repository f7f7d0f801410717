"""Random numbers of an iteration that do not depend on the process's past."""

import random
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook

from usfm_mm.registry import HOOKS


@HOOKS.register_module()
class IterationSeedHook(Hook):
    """Seeds all generators anew at each iteration from (seed, iteration, rank).

    So that a resumed run draws the same stochastic depth as an uninterrupted one, with nothing to
    save. What concerns the images, augmentation and masks, is seeded by the sampler's draw.
    """

    priority = 'VERY_HIGH'

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Seed ``random``, NumPy and PyTorch."""
        entropy = np.random.SeedSequence([runner.seed, runner.iter, get_rank()])
        seed = int(entropy.generate_state(1)[0])
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
