"""Random state of one draw: the same image, augmented the same way, in whatever process."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


class SeededIndex(int):
    """Position in a data set together with the 32-bit seed of this one draw.

    It is an ``int`` wherever an index is expected, and keeps its seed when pickled on the way to
    a data loader's worker.

    Attributes:
        seed: In [0, 2**32).
    """

    seed: int

    def __new__(cls, index: int, seed: int) -> 'SeededIndex':
        """Make the index ``index`` that carries ``seed``."""
        self = super().__new__(cls, index)
        self.seed = seed
        return self

    def __reduce__(self) -> tuple:
        return SeededIndex, (int(self), self.seed)

    def __repr__(self) -> str:
        return f'SeededIndex({int(self)}, seed={self.seed})'


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the global generators of random, numpy and torch (CPU), and restore them on leaving.

    numpy's global functions get a generator of their own meanwhile: swapping takes 2 µs where
    saving and restoring the state takes 50 µs, which counts per image. Its only side effect is
    that ``np.random.randn`` outside forgets the second normal number that it keeps in stock.

    Args:
        seed: In [0, 2**32).
    """
    # numpy's stubs lack the two functions that swap the generator
    numpy_generator = np.random.get_bit_generator()  # type: ignore[attr-defined]
    python_state = random.getstate()
    torch_state = torch.get_rng_state()
    own = np.random.MT19937(0) if _busy else _GENERATOR
    np.random.set_bit_generator(own)  # type: ignore[attr-defined]
    _busy.append(True)
    try:
        reseed(seed)
        yield
    finally:
        _busy.pop()
        np.random.set_bit_generator(numpy_generator)  # type: ignore[attr-defined]
        random.setstate(python_state)
        torch.set_rng_state(torch_state)


def reseed(seed: int) -> None:
    """Seed the global generators; within :func:`seeded`, which restores them.

    Args:
        seed: In [0, 2**32).
    """
    np.random.seed(seed)
    random.seed(seed)
    # torch.manual_seed would also visit every accelerator: 80 µs
    torch.default_generator.manual_seed(seed)


# Making a generator costs 10 µs, so that all draws of a process share one, nested ones excepted.
_GENERATOR = np.random.MT19937(0)
_busy: list[bool] = []
