"""Shuffling with a seed per draw, and what the seed does in a host's pipeline."""

import random

import numpy as np
import pytest
import torch
from mmengine.dataset import BaseDataset, DefaultSampler

from usfm_mm.datasets import ShuffleSampler
from usfm_mm.datasets.transforms import SeedDraw

IMAGES = list(range(11))


def pairs(sampler):
    return [(int(draw), draw.seed) for draw in sampler]


def test_order_is_mmengines_and_every_draw_has_its_own_seed():
    sampler = ShuffleSampler(IMAGES, seed=5)
    seeds = []
    for epoch in (0, 1):
        sampler.set_epoch(epoch)
        host = DefaultSampler(IMAGES, seed=5)
        host.set_epoch(epoch)
        draws = pairs(sampler)
        assert [index for index, _ in draws] == list(host)
        assert draws == pairs(sampler)
        seeds += [seed for _, seed in draws]
    assert len(set(seeds)) == 22


@pytest.mark.parametrize('world', [2, 3])
def test_ranks_together_draw_what_one_draws(world):
    one = pairs(ShuffleSampler(IMAGES, seed=1))
    ranks = []
    for rank in range(world):
        sampler = ShuffleSampler(IMAGES, seed=1)
        sampler.rank, sampler.world_size = rank, world
        sampler.num_samples = -(-len(IMAGES) // world)
        sampler.total_size = sampler.num_samples * world
        ranks.append(pairs(sampler))
    together = [draw for draws in zip(*ranks, strict=True) for draw in draws]
    assert together[: len(IMAGES)] == one
    assert len(together) == 12


@pytest.mark.parametrize('start', [0, 1, 10, 11])
def test_restart_in_mid_epoch(start):
    sampler = ShuffleSampler(IMAGES, seed=2)
    sampler.set_epoch(4)
    whole = pairs(sampler)
    sampler.start_at(start)
    assert pairs(sampler) == whole[start:]
    assert pairs(sampler) == whole  # only once
    with pytest.raises(ValueError, match='cannot start at draw 12 of an epoch of 11'):
        sampler.start_at(12)


class Numbers(BaseDataset):
    def load_data_list(self):
        return [dict(number=i) for i in range(5)]


def draw_all(results):
    return [results['number'], random.random(), np.random.rand(), torch.rand(1).item()]


def test_the_seed_reaches_the_hosts_pipeline():
    dataset = Numbers(pipeline=[SeedDraw(), draw_all])
    draws = list(ShuffleSampler(dataset, seed=0))
    first = [dataset[draw] for draw in draws]
    again = [dataset[draw] for draw in reversed(draws)]
    assert first == again[::-1]
    assert len({tuple(values[1:]) for values in first}) == 5
    # A plain index leaves the generators alone.
    torch.manual_seed(3)
    expected = torch.rand(1).item()
    torch.manual_seed(3)
    assert dataset[2][3] == expected


def test_seeds_of_an_epoch_stay_what_they_were():
    """From (seed, epoch), by position: old runs resume with the same draws."""
    sampler = ShuffleSampler(IMAGES, seed=5)
    sampler.set_epoch(3)
    expected = np.random.default_rng([5, 3]).integers(0, 2**32, len(IMAGES)).tolist()
    assert [seed for _, seed in pairs(sampler)] == expected
