"""Finding images that are the same, or nearly, among millions.

Each image has a perceptual hash of 256 bits: the signs, about their median, of the 16×16 lowest
DCT coefficients of the image at 64×64 (the pHash of Zauner, 2010, with more bits: ultrasound images
of one organ look much alike, and 64 bits cannot tell them apart). Two images are near duplicates
where few bits differ. The search is by multi-index hashing (Norouzi et al., CVPR 2012): of hashes
that differ in at most r bits, cut into r // 2 + 1 parts, one part differs in at most one bit. So
each part is looked up in a table, as it is and with each bit flipped, and no pair is missed.
"""

from collections.abc import Iterator, Sequence

import imagehash
import numpy as np
from PIL import Image

HASH_BYTES = 32
DUPLICATE_HAMMING = 16
"""Bits in which near duplicates differ at most; docs/database.md has the measurements."""
OVERLAP_HAMMING = 32
"""The same for two data sets that must not share images, where a miss costs more than a mistake."""
HAMMING_LIMIT = 40
PHASH_COLUMN = '_phash'
"""Column of a database's index with the perceptual hashes."""

_SIDE = 16
_BLOCK = 1 << 10
# Neighbouring coefficients go together in ultrasound images. Shuffled, the parts of a hash differ
# more between images, and fewer candidates must be compared.
_SHUFFLE = np.random.default_rng(0).permutation(8 * HASH_BYTES)


def perceptual_hash(image: np.ndarray) -> bytes:
    """Hash of a grey image uint8 [H, W], 32 bytes."""
    signs = imagehash.phash(Image.fromarray(image), hash_size=_SIDE).hash
    return np.packbits(signs.ravel()[_SHUFFLE]).tobytes()


def orientations(hashes: np.ndarray) -> Iterator[np.ndarray]:
    """The hashes that images would have flipped and turned by quarters, as they are first.

    Mirroring changes the sign of every second coefficient, transposing exchanges the two axes. As
    the signs are about the median, a few bits differ from the flipped image's own hash: at most
    16 of 95 in 100 real images, 22 of 99.

    Args:
        hashes: uint8 [N, 32].

    Yields:
        uint8 [N, 32], eight times.
    """
    bits = np.empty((len(hashes), 8 * HASH_BYTES), np.uint8)
    bits[:, _SHUFFLE] = np.unpackbits(hashes, axis=1)
    odd = np.arange(_SIDE, dtype=np.uint8) % 2
    for mirror in range(4):
        flipped = bits.reshape(-1, _SIDE, _SIDE) ^ (mirror & 1) * odd ^ (mirror >> 1) * odd[:, None]
        for turned in (flipped, flipped.swapaxes(1, 2)):
            yield np.packbits(turned.reshape(bits.shape)[:, _SHUFFLE], axis=1)


def near_pairs(
    hashes: np.ndarray, max_hamming: int, others: np.ndarray | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """All pairs of hashes that differ in at most ``max_hamming`` bits, in blocks.

    Takes about 800 bytes of memory for each hash in the tables.

    Args:
        hashes: uint8 [N, 32], all different where ``others`` is not given (else the time goes up
            with the square of the number of equal ones).
        max_hamming: Bits, 0 to 40. Up to about 20 the time per hash hardly grows with N.
        others: uint8 [M, 32]: pair ``hashes`` with these and not with each other.

    Yields:
        Positions a, b and distances, int64 [K] each. Within one set, every pair comes once, with
        a < b; otherwise b counts in ``others``.

    Raises:
        ValueError: ``max_hamming`` is out of range.
    """
    import faiss  # here alone: an import of a second, as only this needs it

    if not 0 <= max_hamming <= HAMMING_LIMIT:
        raise ValueError(f'max_hamming must be from 0 to {HAMMING_LIMIT} bits, got {max_hamming}')
    within = others is None
    table = hashes if others is None else others
    if not len(table) or not len(hashes):
        return
    parts = max_hamming // 2 + 1
    index = faiss.IndexBinaryMultiHash(8 * HASH_BYTES, parts, min(8 * HASH_BYTES // parts, 32))
    index.nflip = 1
    index.add(np.ascontiguousarray(table))
    for start in range(0, len(hashes), _BLOCK):
        # faiss looks for distances below the radius
        limits, distances, found = index.range_search(
            np.ascontiguousarray(hashes[start : start + _BLOCK]), max_hamming + 1
        )
        a = start + np.repeat(np.arange(len(limits) - 1), np.diff(limits).astype(np.int64))
        if within:
            keep = a < found
            a, found, distances = a[keep], found[keep], distances[keep]
        yield a, found, distances.astype(np.int64)


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
    pairs = np.zeros(0, np.int64)
    for number, turned in enumerate(orientations(hashes)):
        blocks = [pairs]
        for a, b, _ in near_pairs(turned, max_hamming, hashes if number else None):
            # With each turn comes the one back, which finds the pair the other way round.
            across = (a < b) & ((own_group[a] != own_group[b]) | (own_group[a] < 0))
            blocks.append(a[across] << 32 | b[across])
        if len(blocks) > 1:
            pairs = np.concatenate(blocks)
            del blocks
            pairs.sort()
            pairs = pairs[np.diff(pairs, prepend=-1) != 0]
    pairs = np.concatenate((pairs, pairs << 32 | pairs >> 32))
    pairs.sort()
    starts = np.searchsorted(pairs, np.arange(len(hashes) + 1) << 32)
    return starts, pairs.astype(np.int32)  # the lower half
