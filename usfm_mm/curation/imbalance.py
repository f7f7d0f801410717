"""One organ made as dominant as in a clinic's archive: 92 % of the paper's images are breast."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import pyarrow as pa

from usfm_mm.curation.leave_out import TRAIN


def imbalanced(table: pa.Table, organ: str, share: float, seed: int = 0) -> pa.Table:
    """Leave out training images until an organ has a share of those that stay.

    Its own images all stay, and of the others as many in proportion, at least one of each organ;
    where the organ has more than the share already, it is the one that is thinned. Images go
    patient by patient, in an order that is drawn from the seed and the names alone: a larger share
    keeps some of what a smaller one keeps, and what else is in the index does not matter.
    Validation and test images stay.

    Args:
        table: Index with the columns ``path``, ``organ``, ``split`` and perhaps ``patient``.
        organ: That is to dominate.
        share: In (0, 1), of the training images.
        seed: Of the order.

    Raises:
        ValueError: ``share`` is out of range, or the organ or any other has no training image.

    Example:
        >>> rows = [dict(path=f'{organ}{i}', organ=organ, split='train')
        ...         for organ in ('breast', 'liver') for i in range(9)]
        >>> kept = imbalanced(pa.Table.from_pylist(rows), 'breast', 0.9)
        >>> kept['organ'].to_pylist().count('breast'), kept['organ'].to_pylist().count('liver')
        (9, 1)
    """
    if not 0 < share < 1:
        raise ValueError(f'the share of {organ} must lie between 0 and 1, got {share:g}')
    train = np.array(table['split'].to_pylist()) == TRAIN
    organs = np.array(table['organ'].to_pylist())
    names, counts = np.unique(organs[train], return_counts=True)
    numbers = dict(zip(names.tolist(), counts.tolist(), strict=True))
    if organ not in numbers or len(numbers) < 2:
        there = ', '.join(numbers) or 'none'
        raise ValueError(f'{organ} is to be {share:.0%} of the training images, of {there}')
    own, others = numbers[organ], sum(numbers.values()) - numbers[organ]
    factor = own * (1 - share) / share / others
    order = _order(table, seed)
    keep = ~train
    for name, count in numbers.items():
        ratio = min(1 / factor, 1) if name == organ else min(factor, 1)
        mine = [place for place in order if train[place] and organs[place] == name]
        keep[mine[: max(round(count * ratio), 1)]] = True
    return table.filter(pa.array(keep))


def _order(table: pa.Table, seed: int) -> Sequence[int]:
    paths = table['path'].to_pylist()
    patients = table['patient'].to_pylist() if 'patient' in table.column_names else paths
    keys = [
        (_drawn(patient or path, seed), _drawn(path, seed))
        for path, patient in zip(paths, patients, strict=True)
    ]
    return sorted(range(len(keys)), key=keys.__getitem__)


def _drawn(name: str, seed: int) -> bytes:
    return blake2b(name.encode(), key=str(seed).encode(), digest_size=16).digest()
