"""Which of all images stay in the database."""

from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from usfm_mm.database.dedup import deduplicate
from usfm_mm.database.images import Images
from usfm_mm.database.likeness import OVERLAP_HAMMING
from usfm_mm.database.near import near_pairs

KEPT, EXACT, NEAR, EXCLUDED_LIKE, WITHDRAWN = range(5)
FATES = {
    'kept': KEPT,
    'exact': EXACT,
    'near': NEAR,
    'excluded like': EXCLUDED_LIKE,
    'withdrawn': WITHDRAWN,
}


def mark_duplicates(
    images: Images, excluded: np.ndarray, max_hamming: int, withdrawn: Collection[str] = ()
) -> tuple[np.ndarray, np.ndarray]:
    """Decide which images stay.

    Args:
        images: In order of precedence.
        excluded: Perceptual hashes uint8 [M, 32] of images that must not be in the database, nor
            any that differ in at most :data:`~usfm_mm.database.dedup.OVERLAP_HAMMING` bits.
        max_hamming: Bits in which near duplicates differ at most.
        withdrawn: See :func:`is_withdrawn`.

    Returns:
        Fate of each image, int8 [N], one of :data:`FATES`; and the position of the image that is
        kept as its like, int64 [N], -1 where there is none.
    """
    count = len(images.name)
    fate = np.zeros(count, np.int8)
    kept_as = np.full(count, -1, np.int64)
    for rows, _, _ in near_pairs(images.phash, OVERLAP_HAMMING, excluded, turned=True):
        fate[rows] = EXCLUDED_LIKE
    fate[is_withdrawn(images, withdrawn, max_hamming)] = WITHDRAWN

    rows = np.flatnonzero(fate == KEPT)
    _, first, kind = np.unique(images.name[rows], return_index=True, return_inverse=True)
    original = rows[first][kind.reshape(-1)]
    copy = original != rows
    fate[rows[copy]] = EXACT
    kept_as[rows[copy]] = original[copy]

    rows = rows[~copy]
    _, clips = np.unique(images.file[rows], return_inverse=True)
    found = deduplicate(images.phash[rows], clips.reshape(-1), max_hamming)
    alike = found >= 0
    fate[rows[alike]] = NEAR
    kept_as[rows[alike]] = rows[found[alike]]

    # An exact copy of an image that goes as a near duplicate goes for the same image.
    copies = np.flatnonzero(fate == EXACT)
    gone = fate[kept_as[copies]] == NEAR
    fate[copies[gone]] = NEAR
    kept_as[copies[gone]] = kept_as[kept_as[copies[gone]]]
    return fate, kept_as


def is_withdrawn(images: Images, hashes: Collection[str], max_hamming: int) -> np.ndarray:
    """Which images were taken out on request, with their copies: bool [N].

    Exact copies go too, and near ones from other files, flipped and turned ones as well: they show
    the same, and would take the place of what went.

    Args:
        images: All.
        hashes: Keyed hashes of patients, studies, files or images, in hexadecimal digits.
        max_hamming: Bits in which near duplicates differ at most.
    """
    wanted = np.array(sorted(hashes), images.name.dtype)
    found = np.isin(images.name, wanted) | np.isin(images.file, wanted)
    for label in ('patient', 'study'):
        named = pc.is_in(images.labels[label], pa.array(sorted(hashes), pa.string()))
        found |= named.to_numpy(zero_copy_only=False)
    found |= np.isin(images.name, images.name[found])
    places = np.flatnonzero(found)
    for a, b, _ in near_pairs(images.phash, max_hamming, images.phash[places], turned=True):
        found[a[images.file[a] != images.file[places[b]]]] = True
    return found
