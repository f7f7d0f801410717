"""Choosing the images of the validation loss, and the index with its splits."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from usfm_mm.io.index_checks import COLUMNS

MIN_IMAGES = 20
"""An organ with fewer images goes without a validation image, unless asked otherwise."""


def val_split(
    organs: np.ndarray,
    patients: np.ndarray,
    fraction: float,
    seed: int = 0,
    min_images: int = MIN_IMAGES,
) -> np.ndarray:
    """Choose images for validation, organ by organ and never splitting a patient.

    Within each organ whole patients are taken in random order while at most ``fraction`` of its
    images, and at least one image, are taken. Where that takes none because the patients drawn
    have too many images, the smallest patient is taken. An organ with fewer than ``min_images``
    or with a single patient keeps all of them. A patient counts to the organ of its first image.

    Args:
        organs: Codes [N].
        patients: Codes [N], -1 where not known: such an image is a patient of its own.
        fraction: In (0, 1).
        seed: Of the random order.
        min_images: Images that an organ must have for one to be taken.

    Returns:
        bool [N], True for images of validation.

    Raises:
        ValueError: ``fraction`` is out of range.

    Example:
        >>> val_split(np.zeros(4, int), np.array([0, 0, 1, -1]), 0.5, min_images=2)
        array([False, False,  True,  True])
    """
    if not 0 < fraction < 1:
        raise ValueError(f'the fraction of validation images must be in (0, 1), got {fraction}')
    known = patients >= 0
    group = patients.astype(np.int64)
    group[~known] = group.max(initial=-1) + 1 + np.arange(np.count_nonzero(~known))
    _, first, group, sizes = np.unique(
        group, return_index=True, return_inverse=True, return_counts=True
    )
    organ = organs[first]
    order = np.lexsort((np.random.default_rng(seed).random(len(sizes)), organ))
    taken = np.zeros(len(sizes), bool)
    for groups in np.split(order, np.flatnonzero(np.diff(organ[order])) + 1):
        total = sizes[groups].sum()
        if total < min_images or len(groups) == 1:
            continue
        chosen = groups[np.cumsum(sizes[groups]) <= max(1, round(fraction * total))]
        taken[chosen if len(chosen) else groups[np.argmin(sizes[groups])]] = True
    return taken[group.reshape(-1)]


def to_table(
    rows: Sequence[Mapping[str, str | None]], val_fraction: float | None, seed: int
) -> pa.Table:
    """Index of the rows, with the columns that any of them has, and a split.

    Args:
        rows: Of each image the index's columns.
        val_fraction: Share for validation where no row has a split, at least one image of every
            organ of two or more; None for 0.01, which leaves out organs of less than 20.
        seed: Of that choice.

    Raises:
        ValueError: Some rows have a split and others have none.
    """
    columns = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in COLUMNS}
    lacking = columns['split'].null_count
    if lacking == len(rows):
        fraction, at_least = (0.01, MIN_IMAGES) if val_fraction is None else (val_fraction, 2)
        val = val_split(
            _codes(columns['organ']), _codes(columns['patient']), fraction, seed, at_least
        )
        columns['split'] = pa.array(np.where(val, 'val', 'train'))
    elif lacking:
        raise ValueError(f'{lacking} images have no split while others have one: give all or none')
    return pa.table(
        {
            name: column if name == 'path' else column.dictionary_encode()
            for name, column in columns.items()
            if column.null_count < len(rows)
        }
    )


def _codes(column: pa.Array) -> np.ndarray:
    indices = column.dictionary_encode().indices
    return indices.fill_null(-1).to_numpy(zero_copy_only=False)
