"""All pairs of hashes that differ in few bits, among millions, also of flipped and turned images.

The search is by multi-index hashing (Norouzi et al., CVPR 2012): of hashes that differ in at most r
bits, cut into r // 2 + 1 parts, one part differs in at most one bit. So each part is looked up in a
sorted table, as it is and with each bit flipped, and no pair is missed. Most look-ups find nothing:
a bitmap of the parts that occur tells that before the table is searched.
"""

from collections.abc import Iterator

import numpy as np

from usfm_mm.database.likeness import HASH_BYTES, orientations

HAMMING_LIMIT = 40

_BITS = 8 * HASH_BYTES
# Of a part, so that a bitmap takes 32 MB at most; it has so many bits more than the table's number.
_PART_BITS, _SPARSE = 28, 5
# An entry of a table is a part, and below it a hash's number of so many bits.
_NUMBER, _LOWER = np.uint64(36), np.uint64((1 << 36) - 1)
_ONE, _THREE, _SEVEN = np.uint64(1), np.uint64(3), np.uint64(7)
_BLOCK = 1 << 16
# Candidates that are compared at a time.
_CANDIDATES = 1 << 20
_ONES = np.array([bin(number).count('1') for number in range(1 << 16)], np.uint8)


def near_pairs(
    hashes: np.ndarray, max_hamming: int, others: np.ndarray | None = None, turned: bool = False
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """All pairs of hashes that differ in at most ``max_hamming`` bits, in blocks.

    Takes some 50 bytes of memory for each hash in the table, and eight times as much if turned.

    Args:
        hashes: uint8 [N, 32], all different where ``others`` is not given (else the time goes up
            with the square of the number of equal ones).
        max_hamming: Bits, 0 to 40. Up to about 20 the time per hash hardly grows with N.
        others: uint8 [M, 32]: pair ``hashes`` with these and not with each other.
        turned: Of the hashes of an image in eight orientations, any may be near.

    Yields:
        Positions a, b and distances, int64 [K] each. Within one set, every pair comes once, with
        a < b; otherwise b counts in ``others``. If turned, once for each orientation that is near.

    Raises:
        ValueError: ``max_hamming`` is out of range.

    >>> hashes = np.zeros((3, 32), np.uint8); hashes[2, 0] = 0b11
    >>> [[values.tolist() for values in pairs] for pairs in near_pairs(hashes[1:], 2)]
    [[[0], [1], [2]]]
    """
    if not 0 <= max_hamming <= HAMMING_LIMIT:
        raise ValueError(f'max_hamming must be from 0 to {HAMMING_LIMIT} bits, got {max_hamming}')
    table = hashes if others is None else others
    if not len(table) or not len(hashes):
        return
    count, within = len(table), others is None
    codes = np.concatenate(list(orientations(table))) if turned else np.ascontiguousarray(table)
    parts = max_hamming // 2 + 1
    width = min(_BITS // parts, _PART_BITS)
    for part in range(parts):
        entries = _part(codes, part, width) << _NUMBER
        entries |= np.arange(len(codes), dtype=np.uint64)
        entries.sort()
        occurs = _bitmap(entries >> _NUMBER, width)
        for start in range(0, len(hashes), _BLOCK):
            block = np.ascontiguousarray(hashes[start : start + _BLOCK])
            for a, entry in _candidates(_part(block, part, width), width, entries, occurs):
                b = entry % count
                if within:
                    once = start + a < b
                    a, b, entry = a[once], b[once], entry[once]
                difference = block[a] ^ codes[entry]
                distance = _ONES[difference.view(np.uint16)].sum(axis=1, dtype=np.int64)
                near = np.flatnonzero(distance <= max_hamming)
                for earlier in range(part):  # of the parts that are alike, the first one tells
                    apart = _part(difference[near], earlier, width)
                    near = near[apart & (apart - _ONE) != 0]
                if len(near):
                    yield start + a[near], b[near], distance[near]


def _part(codes: np.ndarray, part: int, width: int) -> np.ndarray:
    """A part of each hash, as a number: uint64 [N]."""
    first, last = part * width, (part + 1) * width
    value = np.zeros(len(codes), np.uint64)
    for byte in range(first // 8, -(-last // 8)):
        value = value << np.uint64(8) | codes[:, byte]
    return (value >> np.uint64(-last % 8)) & np.uint64((1 << width) - 1)


def _bitmap(keys: np.ndarray, width: int) -> np.ndarray:
    """Which keys occur, by as many of their lowest bits as make a sparse map: uint8 [2**n]."""
    bits = max(3, min(width, len(keys).bit_length() + _SPARSE))
    occurs = np.zeros(1 << bits, bool)
    occurs[keys & np.uint64(len(occurs) - 1)] = True
    return np.packbits(occurs, bitorder='little')


def _candidates(
    keys: np.ndarray, width: int, entries: np.ndarray, occurs: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows of keys, and numbers of entries whose key differs in at most one bit: int64 [K] each."""
    lowest = np.uint64(8 * len(occurs) - 1)
    for flip in (0, *(1 << bit for bit in range(width))):
        tried = keys ^ np.uint64(flip)
        low = tried & lowest
        hit = occurs[low >> _THREE] >> (low & _SEVEN).astype(np.uint8) & 1
        rows = np.flatnonzero(hit)
        wanted = tried[rows] << _NUMBER
        first = np.searchsorted(entries, wanted)
        counts = np.searchsorted(entries, wanted + (_ONE << _NUMBER)) - first
        ends = np.cumsum(counts)
        for start in range(0, int(ends[-1]) if len(ends) else 0, _CANDIDATES):
            places = np.arange(start, min(start + _CANDIDATES, int(ends[-1])))
            row = np.searchsorted(ends, places, side='right')
            found = entries[first[row] + places - ends[row] + counts[row]]
            yield rows[row], (found & _LOWER).astype(np.int64)
