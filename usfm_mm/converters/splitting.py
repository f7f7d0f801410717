"""Splits that keep patients whole and classes in proportion, the same for the same seed."""

from collections.abc import Hashable, Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

FRACTIONS = {'train': 0.70, 'val': 0.15, 'test': 0.15}
"""The paper's split (4.1.2) where a release has none."""
SUBSETS = (20, 40, 60, 80)
"""Percentages of the training set for the label-efficiency experiment (paper, Fig. 10)."""


def distribute(
    groups: Sequence[Hashable], strata: Sequence[Hashable], fractions: Sequence[float], seed: int
) -> np.ndarray:
    """Deal out whole groups to bins so that every stratum is shared out as ``fractions`` say.

    Greedy: the groups, in random order and large ones first, go one by one to the bin that lacks
    most, relative to its share, of what the group holds; rare strata count as much as frequent
    ones. Groups of single images come out within one image per stratum.

    Args:
        groups: Patient of each image, [N].
        strata: Class of each image, [N]. A group may hold several.
        fractions: Share of each bin, adding up to 1.
        seed: Of the random order.

    Returns:
        int [N], the bin of each image.
    """
    group_ids = _codes(groups)
    stratum_ids = _codes(strata)
    held = np.zeros((group_ids.max() + 1, stratum_ids.max() + 1))
    np.add.at(held, (group_ids, stratum_ids), 1)
    totals = held.sum(0)
    target = np.outer(fractions, totals)
    filled = np.zeros_like(target)
    sizes = held.sum(1)
    order = np.lexsort((np.random.default_rng(seed).random(len(sizes)), -sizes))
    bins = np.empty(len(sizes), int)
    for group in order:
        lack = (target - filled) / target
        # Rounded: equal bins must stay equal for the first of them to be taken everywhere.
        bins[group] = np.argmax(np.round(lack @ (held[group] / totals), 12))
        filled[bins[group]] += held[group]
    return bins[group_ids]


def join_copies(groups: Sequence[Hashable], contents: Sequence[Hashable]) -> list[int]:
    """Groups so that images of equal content, and with them their patients, share one.

    Args:
        groups: Patient of each image, [N].
        contents: Something equal for equal images only, [N].

    Returns:
        Number of the group of each image. Without copies, the groups are the same as before.
    """
    patients, pictures = _codes(groups), _codes(contents)
    count = patients.max() + 1
    edges = coo_array(
        (np.ones(len(patients)), (patients, count + pictures)),
        shape=(count + pictures.max() + 1,) * 2,
    )
    return connected_components(edges, directed=False)[1][patients].tolist()


def make_split(
    groups: Sequence[Hashable],
    strata: Sequence[Hashable],
    released: Sequence[str | None],
    seed: int,
    patients: Sequence[str | None],
) -> tuple[list[str], str]:
    """Split of every image: as released, val taken from train where it is missing, or 70/15/15.

    Args:
        groups: Patient of each image, or something unique where it is not known.
        strata: Class of each image.
        released: 'train', 'val', 'test' per image, or all None.
        seed: Of what is drawn.
        patients: Patient of each image as told, None where it is not: what the sentence says.

    Returns:
        The splits, and a sentence on how they came about.

    Raises:
        ValueError: The released split lacks 'train' or 'test', or only some images have one.
    """
    given = set(released)
    names = list(FRACTIONS)
    if given == {None}:
        bins = distribute(groups, strata, list(FRACTIONS.values()), seed)
        return [names[i] for i in bins], f'70/15/15, {_wholeness(patients)}, drawn with seed {seed}'
    splits = [str(split) for split in released]
    if None in given or not {'train', 'test'} <= given:
        raise ValueError(
            f'a released split needs "train" and "test" for all images, this one has '
            f'{", ".join(sorted(map(str, given)))}'
        )
    if 'val' in given:
        return splits, 'as released'
    train = [i for i, split in enumerate(splits) if split == 'train']
    share = FRACTIONS['val'] / (FRACTIONS['val'] + FRACTIONS['train'])
    bins = distribute(
        [groups[i] for i in train], [strata[i] for i in train], [1 - share, share], seed
    )
    for i, in_val in zip(train, bins, strict=True):
        splits[i] = 'val' if in_val else 'train'
    return splits, (
        f'train and test as released; {share:.1%} of train became val (15 of 85), '
        f'{_wholeness([patients[i] for i in train])}, drawn with seed {seed}'
    )


def nested_subsets(
    groups: Sequence[Hashable], strata: Sequence[Hashable], seed: int
) -> dict[int, np.ndarray]:
    """Shares of the training set, each within the next one.

    Args:
        groups: Patient of each training image.
        strata: Class of each.
        seed: Of what is drawn.

    Returns:
        Percentage to bool [N].
    """
    bins = distribute(groups, strata, [0.2] * 5, seed)
    return {percent: bins < percent // 20 for percent in SUBSETS}


def _wholeness(patients: Sequence[str | None]) -> str:
    if all(patients):
        return 'patients kept whole'
    if any(patients):
        return 'patients kept whole where they are known'
    return 'each image taken for a patient of its own as none is known'


def _codes(values: Sequence[Hashable]) -> np.ndarray:
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in values])
