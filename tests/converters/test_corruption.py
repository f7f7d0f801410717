"""Worse images: each kind does what it says, more at each step, and never moves anything."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from usfm_mm.converters.corruption import LADDER, SEVERITIES, corrupt
from usfm_mm.converters.degradation import DYNAMIC_RANGE


def picture(shape=(112, 112)):
    smooth = gaussian_filter(np.random.default_rng(0).normal(size=shape), 2)
    return np.rint(128 + 300 * smooth).clip(1, 255).astype(np.uint8)


def run(kind, severity, image=None, seed=0):
    given = picture() if image is None else image
    return corrupt(given, kind, severity, np.random.default_rng(seed)).astype(int)


@pytest.mark.parametrize('kind', LADDER)
def test_each_step_changes_more_than_the_one_before(kind):
    images = [picture(), *(run(kind, severity) for severity in range(1, SEVERITIES + 1))]
    errors = [np.abs(image - images[0]).mean() for image in images]
    assert errors == sorted(errors)
    assert errors[1] > 0.3
    assert len(set(errors)) == SEVERITIES + 1
    assert images[1].shape == images[0].shape


@pytest.mark.parametrize('kind', LADDER)
def test_black_stays_black_and_a_seed_gives_one_result(kind):
    assert not run(kind, 5, np.zeros((40, 50), np.uint8)).any()
    np.testing.assert_array_equal(run(kind, 3), run(kind, 3))


def test_gain_is_in_decibels_of_the_range_up_or_down():
    grey = np.full((9, 9), 100, np.uint8)
    found = {int(run('gain', 2, grey, seed)[0, 0]) for seed in range(20)}
    step = round(255 / DYNAMIC_RANGE * 6)
    assert found == {100 - step - 1, 100 + step} or found == {100 - step, 100 + step}
    assert run('gain', 5, np.full((9, 9), 250, np.uint8), 0).max() <= 255


def test_a_shadow_reaches_from_its_top_to_the_bottom_and_darkens_by_its_decibels():
    grey = np.full((100, 200), 200, np.uint8)
    for seed in range(10):
        image = run('shadow', 2, grey, seed)
        last = image[-1]
        assert image.max() == 200
        assert abs(last.min() - (200 - 255 / DYNAMIC_RANGE * 12)) <= 1
        dark = last < 200 - 255 / DYNAMIC_RANGE * 6  # half of the attenuation
        assert 0.15 <= dark.mean() <= 0.45
        assert (np.diff(image.astype(int), axis=0) <= 0).all()  # never lighter further down
        assert (image[:, dark][0] > last[dark].min()).any() or seed  # may begin at the top


def test_resolution_blurs_twice_as_far_across_the_beam():
    point = np.zeros((224, 224), np.uint8)
    point[112, 112] = 255
    image = run('resolution', 2, point)
    amplitude = np.where(image > 0, 10 ** (DYNAMIC_RANGE / 20 * (image / 255 - 1)), 0)
    offsets = np.arange(224) - 112
    along, across = (
        np.sqrt((amplitude.sum(axis) * offsets**2).sum() / amplitude.sum()) for axis in (1, 0)
    )
    assert along == pytest.approx(1, rel=0.1)
    assert across == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize(('kind', 'severity'), [('fog', 1), ('gain', 0), ('gain', 6)])
def test_others_are_refused(kind, severity):
    with pytest.raises(ValueError, match=f'{kind}:{severity} is none of speckle, gain'):
        run(kind, severity)
