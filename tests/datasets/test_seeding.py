"""A draw's own random state."""

import pickle
import random

import numpy as np
import pytest
import torch

from usfm_mm.datasets.seeding import SeededIndex, seeded


def draw() -> list[float]:
    return [random.random(), np.random.rand(), float(np.random.randn()), torch.rand(()).item()]


def test_seeded_index_is_an_int_that_keeps_its_seed_when_pickled():
    index = pickle.loads(pickle.dumps(SeededIndex(7, 4_000_000_000)))
    assert index == 7
    assert index.seed == 4_000_000_000
    assert [10, 20, 30][SeededIndex(1, 0)] == 20


def test_same_seed_same_numbers_other_seed_others():
    with seeded(5):
        first = draw()
    with seeded(5):
        assert draw() == first
    with seeded(6):
        assert all(a != b for a, b in zip(draw(), first, strict=True))
    assert first[1] == np.random.RandomState(5).rand()


def test_state_outside_is_untouched_also_by_nesting_and_errors():
    def outside() -> list[float]:
        return [random.random(), np.random.rand(), torch.rand(()).item()]

    for seed_all in (random.seed, np.random.seed, torch.manual_seed):
        seed_all(1)
    expected = outside() + outside()
    for seed_all in (random.seed, np.random.seed, torch.manual_seed):
        seed_all(1)
    found = outside()
    with seeded(3):
        a = outside()
        with seeded(4):
            draw()
        b = outside()
    with pytest.raises(RuntimeError, match='inside'), seeded(3):
        raise RuntimeError('inside')
    assert found + outside() == expected
    with seeded(3):
        assert outside() + outside() == a + b
