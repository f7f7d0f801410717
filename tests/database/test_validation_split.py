"""The validation split of a database."""

import hashlib

import numpy as np

from usfm_mm.database.split import stable_split


def hashed(kind, number):
    return hashlib.sha256(f'{kind} {number}'.encode()).hexdigest()[:32]


def split(count, patients=lambda i: None, fraction=0.04, organs=2):
    names = [hashed('image', i).encode() for i in range(count)]
    known = [None if patients(i) is None else hashed('patient', patients(i)) for i in range(count)]
    return stable_split(np.arange(count) % organs, known, names, fraction)


def test_nobody_changes_sides_when_images_are_added():
    """Before, 8 of 24 images of validation had been images of training."""
    for patients in (lambda i: None, lambda i: i // 3):
        before = split(600, patients)
        for more in (602, 650, 2000):
            np.testing.assert_array_equal(split(more, patients)[:600], before)
        assert 0.02 < split(6000, patients).mean() < 0.06


def test_patients_are_kept_whole():
    held = split(3000, lambda i: i // 7)
    numbers = np.arange(3000) // 7
    assert not set(numbers[held]) & set(numbers[~held])


def test_every_organ_of_twenty_images_has_some_and_none_is_held_out_whole():
    held = split(100, fraction=1e-9, organs=5)
    assert [held[organ::5].sum() for organ in range(5)] == [1] * 5
    assert not split(38, fraction=1e-9).any()
    assert not split(50, lambda i: 0, fraction=0.99, organs=1).any()
    assert split(50, fraction=1 - 1e-9, organs=1).sum() == 49
    assert split(0).shape == (0,)
