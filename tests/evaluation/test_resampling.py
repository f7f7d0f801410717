"""Intervals, tests and calibration against SciPy, scikit-learn and what can be worked out."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from sklearn.calibration import calibration_curve
from sklearn.metrics import f1_score

from usfm_mm.evaluation.calibration import expected_calibration_error, reliability
from usfm_mm.evaluation.resampling import bootstrap_interval, holm, paired_test


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_of_one_seed_the_interval_is_scipys(rng):
    scores = rng.normal(70, 15, 60)
    found = bootstrap_interval(scores[None], resamples=6000)
    expected = stats.bootstrap(
        (scores,), np.mean, n_resamples=6000, method='percentile', random_state=1
    ).confidence_interval
    np.testing.assert_allclose(found, expected, atol=0.25)  # of about 7.5


def test_of_equal_images_it_is_that_of_the_seeds(rng):
    seeds = rng.normal(70, 5, 8)
    outcomes = np.repeat(seeds[:, None], 20, axis=1)
    found = bootstrap_interval(outcomes, resamples=6000)
    expected = stats.bootstrap(
        (seeds,), np.mean, n_resamples=6000, method='percentile', random_state=1
    ).confidence_interval
    np.testing.assert_allclose(found, expected, atol=0.3)  # of about 6


def test_both_spreads_add_up(rng):
    """Additive effects of seed and image: the variances of the two means add up."""
    seeds, images = rng.normal(0, 4, 10), rng.normal(0, 20, 100)
    low, high = bootstrap_interval(seeds[:, None] + images, resamples=6000)
    spread = np.sqrt(seeds.var() / 10 + images.var() / 100)
    assert (high - low) / 2 == pytest.approx(1.96 * spread, rel=0.05)


def test_images_of_a_patient_are_drawn_together(rng):
    """Ten copies of each image tell no more than one."""
    scores = rng.normal(70, 15, 40)
    once = bootstrap_interval(scores[None], resamples=4000)
    copies = bootstrap_interval(
        np.repeat(scores, 10)[None], groups=np.repeat(np.arange(40), 10).tolist(), resamples=4000
    )
    np.testing.assert_allclose(copies, once, atol=0.3)


def test_an_interval_of_a_measure_that_is_no_mean(rng):
    truth = rng.integers(0, 3, 90)
    answers = np.where(rng.random((2, 90)) < 0.7, truth, rng.integers(0, 3, (2, 90)))

    def f1(outcomes, images):
        return np.mean([f1_score(truth[images], row, average='macro') for row in outcomes])

    low, high = bootstrap_interval(answers, f1, resamples=200)
    assert low < f1(answers, np.arange(90)) < high
    assert 0.05 < high - low < 0.3


@pytest.mark.parametrize('shift', [0.0, 3.0])
def test_the_paired_test_is_scipys_where_all_exchanges_are_tried(rng, shift):
    first = rng.normal(70, 5, 9)
    second = first + rng.normal(shift, 3, 9)
    expected = stats.permutation_test(
        (first, second), lambda a, b: np.mean(a) - np.mean(b), permutation_type='samples'
    ).pvalue
    assert paired_test(first[None], second[None]) == pytest.approx(expected)


def test_of_many_images_it_is_near_the_t_test_and_symmetric(rng):
    first = rng.normal(70, 10, (3, 80))
    second = first + rng.normal(0.8, 5, (3, 80))
    expected = stats.ttest_rel(first.mean(0), second.mean(0)).pvalue
    assert paired_test(first, second, resamples=8000) == pytest.approx(expected, abs=0.02)
    assert paired_test(first, second) == pytest.approx(paired_test(second, first), abs=0.02)


def test_equal_methods_do_not_differ_and_patients_are_exchanged_whole():
    scores = np.array([[50.0, 60.0, 70.0]])
    assert paired_test(scores, scores) == 1
    better = scores + 5
    assert paired_test(better, scores) == pytest.approx(2 / 2**3)
    assert paired_test(better, scores, groups=['a', 'a', 'b']) == pytest.approx(2 / 2**2)
    assert paired_test(better, scores, groups=['a', 'a', 'a']) == 1  # SciPy refuses one patient
    assert np.isnan(bootstrap_interval(scores, groups=['a', 'a', 'a'])).all()
    with pytest.raises(ValueError, match='not pairs'):
        paired_test(scores, scores[:, :2])


def test_where_nothing_differs_p_is_uniform(rng):
    values = [paired_test(*rng.normal(size=(2, 1, 12)), resamples=200, seed=n) for n in range(150)]
    assert stats.kstest(values, 'uniform').pvalue > 0.01


def test_holm_is_the_closed_test_of_bonferronis(rng):
    """Reject one if every set that holds it is rejected: what Holm is a shortcut of."""
    for _ in range(20):
        p = rng.random(5) ** 3
        sets = [s for n in range(1, 6) for s in combinations(range(5), n)]
        closed = [
            max(min(1, len(s) * min(p[i] for i in s)) for s in sets if one in s) for one in range(5)
        ]
        np.testing.assert_allclose(holm(p), closed)
    assert holm([]) == []


def test_reliability_is_scikit_learns(rng):
    confidence = rng.random(400)
    right = rng.random(400) < confidence**2
    accurate, sure = calibration_curve(right, confidence, n_bins=10)
    found = reliability(confidence, right, bins=10)
    np.testing.assert_allclose(found[:, :2].T, [sure, accurate])
    assert found[:, 2].sum() == pytest.approx(1)
    assert found[:, 2] @ found[:, 1] == pytest.approx(right.mean())


def test_calibration_error_of_known_classifiers(rng):
    right = np.arange(100) < 80
    assert expected_calibration_error(np.full(100, 0.8), right) == pytest.approx(0)
    assert expected_calibration_error(np.ones(100), right) == pytest.approx(20)
    confidence = rng.random(20000)
    assert expected_calibration_error(confidence, rng.random(20000) < confidence) < 3
    with pytest.raises(ValueError, match='from 0 to 1'):
        reliability(np.array([1.5]), np.array([True]))
    with pytest.raises(ValueError, match='one image'):
        reliability(np.array([]), np.array([]))
