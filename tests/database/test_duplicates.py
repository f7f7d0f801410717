"""Which images a database leaves out, by the bits in which their hashes differ."""

import numpy as np
import pyarrow as pa
import pytest

from usfm_mm.database.duplicates import EXCLUDED_LIKE, KEPT, NEAR, WITHDRAWN, mark_duplicates
from usfm_mm.database.images import Images
from usfm_mm.database.likeness import DUPLICATE_HAMMING, orientations


def images_of(hashes):
    names = np.array([f'{i:032x}' for i in range(len(hashes))], 'S32')
    count = len(hashes)
    unknown = pa.nulls(count, pa.string()).dictionary_encode()
    labels = {'patient': unknown, 'study': unknown}
    zeros = np.zeros((count, 2))
    return Images(
        name=names,
        phash=hashes,
        file=names,
        frame=np.zeros(count, np.int32),
        moments=zeros,
        spacing=zeros,
        labels=labels,
    )


def hashes_at(*distances):
    """Hashes as many bits from one another as told, each in bits of its own, the first at 0."""
    bits = np.zeros((len(distances) + 1, 256), np.uint8)
    start = 0
    for row, distance in enumerate(distances, start=1):
        bits[row, start : start + distance] = 1
        start += distance
    return np.packbits(bits, axis=1)


NONE = np.zeros((0, 32), np.uint8)


def test_what_is_like_an_image_of_a_test_set_goes_up_to_32_bits():
    """Twice what is a near duplicate: the reach of held-out sets, as docs/database.md measures."""
    held_out, *hashes = hashes_at(31, 32, 33, 80)
    fate, like = mark_duplicates(images_of(np.stack(hashes)), held_out[None], 16)
    np.testing.assert_array_equal(fate, [EXCLUDED_LIKE, EXCLUDED_LIKE, KEPT, KEPT])
    assert (like == -1).all()


@pytest.mark.parametrize(('max_hamming', 'near'), [(DUPLICATE_HAMMING, 16), (8, 8), (0, 0)])
def test_near_duplicates_go_up_to_as_many_bits_as_told(max_hamming, near):
    hashes = hashes_at(near + 1, near) if near else hashes_at(1)
    fate, like = mark_duplicates(images_of(hashes), NONE, max_hamming)
    np.testing.assert_array_equal(fate, [KEPT, KEPT, NEAR][: len(hashes)])
    np.testing.assert_array_equal(like, [-1, -1, 0][: len(hashes)])


def test_turned_copies_of_withdrawn_images_go_too():
    """A mirrored copy stayed, and took the place of what went."""
    hashes = np.random.default_rng(0).integers(0, 256, (2, 32), np.uint8)
    turned = np.concatenate((hashes, *list(orientations(hashes[:1]))[1:]))
    images = images_of(turned)
    fate, _ = mark_duplicates(images, NONE, 16, [images.name[0].decode()])
    assert fate.tolist() == [WITHDRAWN, KEPT] + [WITHDRAWN] * 7
    fate, _ = mark_duplicates(images, hashes[:1], 16)
    assert fate.tolist() == [EXCLUDED_LIKE, KEPT] + [EXCLUDED_LIKE] * 7


def test_copies_of_withdrawn_images_go_as_far_as_near_duplicates():
    images = images_of(hashes_at(16, 17))
    fate, _ = mark_duplicates(images, NONE, 16, [images.name[0].decode()])
    np.testing.assert_array_equal(fate, [WITHDRAWN, WITHDRAWN, KEPT])
