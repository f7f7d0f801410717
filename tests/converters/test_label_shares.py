"""Shares of a training list, whatever the patients and classes are: properties on random ones."""

from collections import Counter

import numpy as np
import pytest

from usfm_mm.converters.splitting import SUBSETS, nested_subsets


@pytest.fixture(params=range(40))
def case(request):
    """Patients with one or several images of one or several classes."""
    rng = np.random.default_rng(request.param)
    count = int(rng.integers(40, 400))
    patients = (
        rng.integers(0, rng.integers(10, count), count) if request.param % 2 else range(count)
    )
    chances = rng.dirichlet(np.ones(rng.integers(2, 7)) * 3)
    return [f'p{n}' for n in patients], rng.choice(len(chances), count, p=chances).tolist()


def test_shares_are_nested_and_cut_no_patient_in_two(case):
    patients, classes = case
    shares = nested_subsets(patients, classes, seed=0)
    assert list(shares) == list(SUBSETS)
    masks = [*shares.values(), np.ones(len(patients), bool)]
    for smaller, larger in zip(masks, masks[1:], strict=False):
        assert (smaller <= larger).all()
    for mask in masks:
        inside = {p for p, take in zip(patients, mask, strict=True) if take}
        outside = {p for p, take in zip(patients, mask, strict=True) if not take}
        assert not inside & outside


def test_of_single_images_each_class_has_its_share(case):
    """Within one image for each fifth that was added."""
    _, classes = case
    totals = Counter(classes)
    for percent, mask in nested_subsets(range(len(classes)), classes, seed=0).items():
        found = Counter(np.array(classes)[mask].tolist())
        for name, total in totals.items():
            assert abs(found[name] - total * percent / 100) <= percent // 20


def test_of_patients_the_share_is_kept_to_the_largest_patient(case):
    patients, classes = case
    largest = max(Counter(patients).values())
    for percent, mask in nested_subsets(patients, classes, seed=0).items():
        assert abs(mask.sum() - len(mask) * percent / 100) <= percent // 20 * largest + len(
            set(classes)
        )


def test_the_same_seed_gives_the_same_images_and_another_one_others(case):
    first, again, other = (nested_subsets(*case, seed=seed) for seed in (0, 0, 1))
    assert all((first[p] == again[p]).all() for p in SUBSETS)
    assert any((first[p] != other[p]).any() for p in SUBSETS)
