"""Shuffling that can be taken up in the middle of an epoch."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from mmengine.dataset import DefaultSampler

from usfm_mm.datasets.seeding import SeededIndex
from usfm_mm.registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class ShuffleSampler(DefaultSampler):
    """mmengine's ``DefaultSampler``, whose every draw carries a seed for its augmentation.

    The order of the images is the parent's. The seeds follow from the sampler's own seed, the
    epoch and the position in it, so that a resumed run sees the same images, augmented alike, on
    any number of workers. :class:`~usfm_mm.datasets.transforms.SeedDraw` puts the seed to use.

    Args:
        args: As in ``DefaultSampler``.
        kwargs: Likewise.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._start = 0

    def start_at(self, num_samples: int) -> None:
        """Let the next iteration, and only that, begin in mid-epoch.

        Args:
            num_samples: Draws of this rank that were already used in this epoch.

        Raises:
            ValueError: Not between 0 and the length of the epoch.
        """
        if not 0 <= num_samples <= len(self):
            raise ValueError(f'cannot start at draw {num_samples} of an epoch of {len(self)}')
        self._start = num_samples

    def __iter__(self) -> Iterator[SeededIndex]:
        """Draws of this rank in this epoch, from where :meth:`start_at` says."""
        start, self._start = self._start, 0
        generator = np.random.default_rng([self.seed, self.epoch])
        seeds = np.asarray(generator.integers(0, 2**32, self.total_size))
        own = seeds[self.rank :: self.world_size].tolist()
        for index, seed in list(zip(super().__iter__(), own, strict=True))[start:]:
            yield SeededIndex(index, seed)
