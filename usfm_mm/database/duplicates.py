"""Which of all images stay in the database."""

import numpy as np

from usfm_mm.database.dedup import OVERLAP_HAMMING, deduplicate, near_pairs
from usfm_mm.database.images import Images

KEPT, EXACT, NEAR, EXCLUDED_LIKE = range(4)
FATES = {'kept': KEPT, 'exact': EXACT, 'near': NEAR, 'excluded like': EXCLUDED_LIKE}


def mark_duplicates(
    images: Images, excluded: np.ndarray, max_hamming: int
) -> tuple[np.ndarray, np.ndarray]:
    """Decide which images stay.

    Args:
        images: In order of precedence.
        excluded: Perceptual hashes uint8 [M, 32] of images that must not be in the database, nor
            any that differ in at most :data:`~usfm_mm.database.dedup.OVERLAP_HAMMING` bits.
        max_hamming: Bits in which near duplicates differ at most.

    Returns:
        Fate of each image, int8 [N], one of :data:`FATES`; and the position of the image that is
        kept as its like, int64 [N], -1 where there is none.
    """
    count = len(images.name)
    fate = np.zeros(count, np.int8)
    kept_as = np.full(count, -1, np.int64)
    for rows, _, _ in near_pairs(images.phash, OVERLAP_HAMMING, excluded):
        fate[rows] = EXCLUDED_LIKE

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
