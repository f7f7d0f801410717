"""Organ-balanced sampling (Eq. 1)."""

import math
from collections.abc import Iterator, Sized

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from usfm_mm.datasets.seeding import SeededIndex
from usfm_mm.registry import DATA_SAMPLERS
from usfm_mm.sampling import organ_probabilities

_BLOCK = 8192


@DATA_SAMPLERS.register_module()
class OrganBalancedSampler(Sampler):
    """Draw images with weight 1 / N_o^power, N_o being the number of images of their organ.

    So an organ is drawn with probability proportional to N_o^(1 - power), and an image within it
    uniformly, with replacement. Draws come in blocks, block b of epoch e from a generator seeded
    with (seed, e, b): any position of the sequence is reached at once and no table of weights is
    kept. There is one global sequence per epoch; of W ranks, rank r takes positions r, r + W, …,
    so that the ranks' batches together are the batch of a single process. Every draw carries its
    own seed for augmentation and masks.

    Args:
        dataset: Has ``organ_ids``, an integer array with the organ of every image.
        power: 0.5 is Eq. 1; 0 is uniform over images; 1 draws organs equally.
        num_samples: Draws per epoch over all ranks; as many as there are images by default.
        seed: Of the sequence, the same on all ranks; a random one, agreed on, by default.

    Raises:
        TypeError: ``dataset`` has no ``organ_ids``.
        ValueError: The data set is empty, ``power`` is outside [0, 1] or ``num_samples`` < 1.
    """

    def __init__(
        self,
        dataset: Sized,
        power: float = 0.5,
        num_samples: int | None = None,
        seed: int | None = None,
    ) -> None:
        if not hasattr(dataset, 'organ_ids'):
            raise TypeError(
                f'OrganBalancedSampler needs a data set with organ_ids, such as '
                f'UltrasoundDataset, not {type(dataset).__name__}'
            )
        if not 0 <= power <= 1:
            raise ValueError(f'power must be in [0, 1], got {power}')
        if len(dataset) == 0:
            raise ValueError('the data set is empty')
        self.total_samples = len(dataset) if num_samples is None else num_samples
        if self.total_samples < 1:
            raise ValueError(f'num_samples must be at least 1, got {num_samples}')
        self.rank, self.world_size = get_dist_info()
        self.power = power
        self.seed = sync_random_seed() if seed is None else seed
        self.epoch = 0
        self._start = 0
        organs = np.asarray(dataset.organ_ids)
        self._counts = np.bincount(organs)
        # Images sorted by organ: the one table, 4 bytes an image.
        self._order = np.argsort(organs, kind='stable').astype(np.int32)
        self._first = np.cumsum(self._counts) - self._counts
        self.probabilities = organ_probabilities(self._counts, power)
        self._cumulative = np.cumsum(self.probabilities)
        self._cumulative /= self._cumulative[-1]

    def __iter__(self) -> Iterator[SeededIndex]:
        """Draws of this rank in this epoch, from where :meth:`start_at` says."""
        start, self._start = self._start, 0
        return self._draws(self.epoch, start)

    def __len__(self) -> int:
        """Draws of this rank in a whole epoch, the same on all ranks."""
        return math.ceil(self.total_samples / self.world_size)

    def set_epoch(self, epoch: int) -> None:
        """Choose the sequence of epoch ``epoch`` for iterations that start from now on."""
        self.epoch = epoch

    def start_at(self, num_samples: int) -> None:
        """Let the next iteration, and only that, begin in mid-epoch.

        Args:
            num_samples: Draws of this rank that were already used in this epoch.

        Raises:
            ValueError: Not between 0 and the length of the epoch.
        """
        if not 0 <= num_samples <= len(self):
            raise ValueError(
                f'cannot start at draw {num_samples} of an epoch of {len(self)} per rank'
            )
        self._start = num_samples

    def _draws(self, epoch: int, start: int) -> Iterator[SeededIndex]:
        position = self.rank + start * self.world_size
        end = self.rank + len(self) * self.world_size
        while position < end:
            block, offset = divmod(position, _BLOCK)
            indices, seeds = self._draw_block(epoch, block)
            chosen = slice(offset, min(_BLOCK, end - block * _BLOCK), self.world_size)
            index_list, seed_list = indices[chosen].tolist(), seeds[chosen].tolist()
            for index, seed in zip(index_list, seed_list, strict=True):
                yield SeededIndex(index, seed)
            position += len(index_list) * self.world_size

    def _draw_block(self, epoch: int, block: int) -> tuple[np.ndarray, np.ndarray]:
        generator = np.random.default_rng([self.seed, epoch, block])
        organs = np.searchsorted(self._cumulative, generator.random(_BLOCK), side='right')
        within = generator.integers(0, self._counts[organs])
        seeds = generator.integers(0, 2**32, _BLOCK, dtype=np.uint32)
        return self._order[self._first[organs] + within], seeds
