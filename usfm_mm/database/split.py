"""Which patients of a database are held out for validation: the same ones when others come."""

import numpy as np

from usfm_mm.curation.split import MIN_IMAGES

_DIGITS = 13  # hexadecimal, as many as a float holds


def stable_split(
    organs: np.ndarray, patients: list[str | None], names: list[bytes], fraction: float
) -> np.ndarray:
    """Choose images for validation by the keyed hash of their patient, never splitting one.

    A patient is held out whose hash, read as a number in [0, 1), is below ``fraction``. So nobody
    changes sides because images are added. An organ of 20 images or more, of more than one patient,
    that has none so far gives the patient with the smallest hash; one whose patients would all be
    held out keeps the one with the largest.

    Args:
        organs: Codes [N].
        patients: Keyed hashes, hexadecimal [N]; None: the image is a patient of its own.
        names: Keyed hashes of the images, hexadecimal [N].
        fraction: In (0, 1).

    Returns:
        bool [N], True for images of validation.

    >>> stable_split(np.zeros(3), ['00ff' * 8, 'f' * 32, None], [b'1' * 32] * 3, fraction=0.01)
    array([ True, False, False])
    """
    pairs = zip(patients, names, strict=True)
    hashes = [(patient or name.decode())[:_DIGITS] for patient, name in pairs]
    place = np.array([int(text, 16) for text in hashes], np.float64) / 16**_DIGITS
    held = place < fraction
    order = np.argsort(organs, kind='stable')
    for rows in np.split(order, np.flatnonzero(np.diff(organs[order])) + 1):
        own = place[rows]
        if len(rows) == 0 or own.min() == own.max():
            held &= ~np.isin(place, own)
        elif held[rows].all():
            held &= place != own.max()
        elif len(rows) >= MIN_IMAGES and not held[rows].any():
            held |= place == own.min()
    return held
