"""Which of many images stay when no two may be nearly the same."""

from collections.abc import Sequence

import numpy as np

from usfm_mm.database.likeness import HASH_BYTES
from usfm_mm.database.near import near_pairs


def deduplicate(
    hashes: np.ndarray, groups: Sequence[int] | np.ndarray, max_hamming: int
) -> np.ndarray:
    """Which images stay when each one must differ from all those that stay before it.

    An image goes if one that stays, comes earlier and belongs to another group is within
    ``max_hamming`` bits. So every image that goes has one that stays in its place, and none goes
    through a chain of images that resemble each other.

    Args:
        hashes: uint8 [N, 32] in order of precedence.
        groups: int [N]; the frames of one clip. They may be alike: thinning them is the reader's
            business.
        max_hamming: Bits; see :func:`near_pairs`.

    Returns:
        int64 [N]: -1 for an image that stays, else the position of one that stays in its place.
    """
    groups = np.asarray(groups)
    unique, first, kind = np.unique(
        hashes.view(f'V{HASH_BYTES}').ravel(), return_index=True, return_inverse=True
    )
    kind = kind.reshape(-1)
    counts = np.bincount(kind, minlength=len(unique))
    # The group of a hash; -1 where several clips have it.
    own_group = groups[first].astype(np.int64)
    own_group[kind[groups != own_group[kind]]] = -1
    starts, neighbours = _neighbours(
        unique.view(np.uint8).reshape(-1, HASH_BYTES), own_group, max_hamming
    )
    touched = (counts > 1) | (np.diff(starts) > 0)
    # Of each hash, images that stay from two groups: enough to find one of another group.
    kept = np.full((len(unique), 2), -1, np.int64)
    result = np.full(len(hashes), -1, np.int64)
    for i in np.flatnonzero(touched[kind]).tolist():
        own = kind[i]
        near_by = neighbours[starts[own] : starts[own + 1]]
        rivals = np.concatenate((kept[own], kept[near_by].ravel()))
        rivals = rivals[(rivals >= 0) & (groups[rivals] != groups[i])]
        if len(rivals):
            result[i] = rivals.min()
        elif kept[own, 0] < 0:
            kept[own, 0] = i
        elif kept[own, 1] < 0 and groups[kept[own, 0]] != groups[i]:
            kept[own, 1] = i
    return result


def _neighbours(
    hashes: np.ndarray, own_group: np.ndarray, max_hamming: int
) -> tuple[np.ndarray, np.ndarray]:
    """Near hashes of each, those of hash i from ``starts[i]`` to ``starts[i + 1]``.

    Pairs within one clip are left out at once. Memory: some 40 bytes for each of the others.

    Returns:
        Starts int64 [N + 1] and neighbours int32 [K].
    """
    # A pair is one number, a in its upper half: sorting is in place.
    blocks = [np.zeros(0, np.int64)]
    for a, b, _ in near_pairs(hashes, max_hamming, turned=True):
        across = (own_group[a] != own_group[b]) | (own_group[a] < 0)
        blocks.append(a[across] << 32 | b[across])
    pairs = np.concatenate(blocks)
    del blocks
    pairs.sort()
    pairs = pairs[np.diff(pairs, prepend=-1) != 0]  # some are near in several orientations
    pairs = np.concatenate((pairs, pairs << 32 | pairs >> 32))
    pairs.sort()
    starts = np.searchsorted(pairs, np.arange(len(hashes) + 1) << 32)
    return starts, pairs.astype(np.int32)  # the lower half
