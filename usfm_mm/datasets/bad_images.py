"""How many images could not be read, over all processes of a data loader."""

import torch
from torch.utils.data import get_worker_info

# Rows of the table: the main process and its workers; more than that share rows.
_PROCESSES = 256
# Fewer bad images than this are no ground to stop, whatever their share.
_FEWEST = 10


class BadImageCounter:
    """Draws and bad draws, in memory that the workers forked or spawned share.

    Args:
        max_fraction: Share of bad draws that is too many, from the tenth on.

    Example:
        >>> counter = BadImageCounter(max_fraction=0.5)
        >>> for _ in range(12):
        ...     counter.count_draw()
        ...     counter.count_bad()
        >>> counter.bad, counter.too_many()
        (12, True)
    """

    def __init__(self, max_fraction: float) -> None:
        self.max_fraction = max_fraction
        # Every process writes to its own row, so that no lock is needed.
        self._counts = torch.zeros((_PROCESSES, 2), dtype=torch.int64).share_memory_()

    def count_draw(self) -> None:
        """Count an image that is about to be read."""
        self._counts[_row(), 0] += 1

    def count_bad(self) -> None:
        """Count it as one that could not be read."""
        self._counts[_row(), 1] += 1

    @property
    def draws(self) -> int:
        """All draws so far."""
        return int(self._counts[:, 0].sum())

    @property
    def bad(self) -> int:
        """Bad ones among them."""
        return int(self._counts[:, 1].sum())

    def too_many(self) -> bool:
        """Whether to stop."""
        return self.bad >= _FEWEST and self.bad > self.max_fraction * self.draws


def _row() -> int:
    worker = get_worker_info()
    return 0 if worker is None else 1 + worker.id % (_PROCESSES - 1)
