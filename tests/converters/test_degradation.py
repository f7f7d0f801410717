"""The synthetic loss of quality: each of its parts alone, against what it should do."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from usfm_mm.converters.degradation import DYNAMIC_RANGE, degrade

NOTHING = dict(speckle=0.0, blur=(1e-3, 1e-3), noise=-200.0, contrast=1.0)


def picture(shape=(64, 80)):
    smooth = gaussian_filter(np.random.default_rng(0).normal(size=shape), 4)
    return np.rint(120 + 600 * smooth).clip(20, 255).astype(np.uint8)


def run(image, seed=0, **changes):
    return degrade(image, np.random.default_rng(seed), **{**NOTHING, **changes})


def test_nothing_asked_is_the_image():
    image = picture()
    assert np.abs(run(image).astype(int) - image).max() <= 1


def test_contrast_scales_grey_levels():
    image = picture()
    np.testing.assert_allclose(run(image, contrast=0.5), image / 2, atol=1)


def test_noise_fills_black_up_to_its_level():
    level = run(np.zeros((200, 200), np.uint8), noise=-30.0) / 255 * DYNAMIC_RANGE - DYNAMIC_RANGE
    power = np.mean(10 ** (level / 10))
    assert 10 * np.log10(power) == pytest.approx(-30, abs=0.3)
    assert not run(np.zeros((50, 50), np.uint8)).any()


def test_full_speckle_has_rayleigh_statistics():
    """SNR of fully developed speckle's amplitude: sqrt(pi / (4 - pi)) = 1.91."""
    grey = run(np.full((300, 300), 150, np.uint8), speckle=1.0) / 255
    amplitude = 10 ** (DYNAMIC_RANGE / 20 * (grey - 1))
    assert amplitude.mean() / amplitude.std() == pytest.approx(
        np.sqrt(np.pi / (4 - np.pi)), rel=0.02
    )
    mild = 10 ** (DYNAMIC_RANGE / 20 * (run(np.full((99, 99), 150, np.uint8), speckle=0.2) / 255))
    assert mild.mean() / mild.std() > 4


def test_blur_is_wider_across_the_beam():
    point = np.zeros((41, 41), np.uint8)
    point[20, 20] = 255
    blurred = run(point, blur=(1.0, 2.0)).astype(float)
    amplitude = np.where(blurred > 0, 10 ** (DYNAMIC_RANGE / 20 * (blurred / 255 - 1)), 0)
    offsets = np.arange(41) - 20
    total = amplitude.sum()
    assert np.sqrt((amplitude.sum(1) * offsets**2).sum() / total) == pytest.approx(1, rel=0.1)
    assert np.sqrt((amplitude.sum(0) * offsets**2).sum() / total) == pytest.approx(2, rel=0.1)


def test_a_seed_gives_one_result():
    image = picture()
    default = [degrade(image, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(default[0], default[1])
    assert (default[0] != default[2]).mean() > 0.5
    assert default[0].dtype == np.uint8
    assert default[0].shape == image.shape
