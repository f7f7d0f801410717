"""Images per second and what becomes of it over several processes."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

import torch


@dataclass
class Span:
    """Iterations taken together, and the seconds that they and their waiting for data took."""

    iterations: int = 0
    images: int = 0
    seconds: float = 0.0
    waiting: float = 0.0

    def __add__(self, other: 'Span') -> 'Span':
        return Span(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


def summarise(ranks: Sequence[dict]) -> dict[str, float | int | None]:
    """Put the measurements of all ranks together.

    Args:
        ranks: Per rank ``total`` (a :class:`Span`), ``flops_per_image`` and ``peak`` in FLOP/s,
            the last two None where unknown.

    Returns:
        ``iterations`` and ``images`` (all ranks) and ``seconds`` measured; ``images_per_s``;
        ``data_share`` of the time (mean over ranks); ``flops_per_image``; ``flops_per_s``;
        ``peak_flops_per_s``, the sum over ranks; and ``share_of_peak``.
    """
    totals = [rank['total'] for rank in ranks]
    # The slowest rank's clock: ranks wait for each other at every step.
    images, seconds = sum(t.images for t in totals), max(t.seconds for t in totals)
    flops, peaks = ranks[0]['flops_per_image'], [rank['peak'] for rank in ranks]
    peak = None if None in peaks else sum(peaks)
    achieved = None if flops is None else flops * images / seconds
    return dict(
        iterations=totals[0].iterations,
        images=images,
        seconds=seconds,
        images_per_s=images / seconds,
        data_share=sum(t.waiting / t.seconds for t in totals) / len(totals),
        flops_per_image=flops,
        flops_per_s=achieved,
        peak_flops_per_s=peak,
        share_of_peak=None if achieved is None or peak is None else achieved / peak,
    )


def batch_size_of(batch: Any) -> int:
    """Number of images of a batch, as any OpenMMLab host collates it.

    Args:
        batch: A tensor ``[B, ...]``, a list with one entry per image, or a dict or tuple of these,
            of which ``inputs`` is counted, else the first entry.

    Raises:
        ValueError: If there is nothing to count.

    Example:
        >>> batch_size_of(dict(inputs=torch.zeros(5, 1, 4, 4)))
        5
    """
    if isinstance(batch, Mapping) and batch:
        return batch_size_of(batch['inputs'] if 'inputs' in batch else next(iter(batch.values())))
    if isinstance(batch, tuple) and batch:
        return batch_size_of(batch[0])
    if isinstance(batch, (torch.Tensor, list)):
        return len(batch)
    raise ValueError(f'cannot count the images of a batch of {type(batch)}')
