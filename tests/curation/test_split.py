"""Which images are for validation."""

import numpy as np
import pytest

from usfm_mm.curation.split import to_table, val_split


def test_val_split_by_organ_and_patient():
    rng = np.random.default_rng(0)
    organs = np.repeat([0, 1, 2, 3], [5000, 400, 20, 19])
    patients = np.where(rng.random(len(organs)) < 0.5, rng.integers(0, 300, len(organs)), -1)
    patients[patients >= 0] += 1000 * organs[patients >= 0]
    held = val_split(organs, patients, 0.1)
    np.testing.assert_array_equal(held, val_split(organs, patients, 0.1))
    assert not np.array_equal(held, val_split(organs, patients, 0.1, seed=1))
    counts = [held[organs == organ].sum() for organ in range(4)]
    assert 480 <= counts[0] <= 500
    assert 36 <= counts[1] <= 40
    assert counts[2] in (1, 2)
    assert counts[3] == 0
    known = patients >= 0
    assert not set(patients[known & held]) & set(patients[known & ~held])


def test_val_split_of_small_organs():
    organs, patients = np.repeat([0, 1, 2], [12, 2, 1]), np.full(15, -1)
    assert not val_split(organs, patients, 0.1).any()
    held = val_split(organs, patients, 0.1, min_images=2)
    assert np.bincount(organs[held], minlength=3).tolist() == [1, 1, 0]


def test_val_split_large_patients():
    # 3 patients of 10, 15 and 25: none is within 1 %, so the smallest is taken
    patients = np.repeat([0, 1, 2], [15, 10, 25])
    held = val_split(np.zeros(50, int), patients, 0.01)
    np.testing.assert_array_equal(held, patients == 1)
    assert not val_split(np.zeros(50, int), np.zeros(50, int), 0.5).any()
    with pytest.raises(ValueError, match='fraction'):
        val_split(np.zeros(50, int), patients, 1.0)


def test_a_share_takes_an_image_of_an_organ_of_two():
    rows = [{'path': f'{i}.png', 'organ': 'liver'} for i in range(2)]
    assert sorted(to_table(rows, 0.1, 0)['split'].to_pylist()) == ['train', 'val']
    assert to_table(rows, None, 0)['split'].to_pylist() == ['train', 'train']
