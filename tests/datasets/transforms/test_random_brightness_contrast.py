"""The lookup table against its formula."""

import numpy as np
import pytest

from usfm_mm.datasets.transforms.random_brightness_contrast import (
    RandomBrightnessContrast,
    brightness_contrast_table,
)

IMAGE = np.random.default_rng(0).integers(0, 200, (40, 50, 1), np.uint8)


@pytest.mark.parametrize(('brightness', 'contrast'), [(1, 1), (1.2, 1), (1, 0.5), (0.7, 1.3)])
@pytest.mark.parametrize('channels', [1, 3])
def test_formula(brightness, contrast, channels):
    image = IMAGE.repeat(channels, 2)
    transform = RandomBrightnessContrast((brightness,) * 2, (contrast,) * 2)
    found = transform({'img': image})['img']
    assert found.shape == image.shape
    assert found.dtype == np.uint8
    mean = image.mean()
    expected = np.clip(brightness * (mean + contrast * (image - mean)), 0, 255)
    assert np.abs(found - expected).max() <= 0.5 + 1e-4
    if brightness == contrast == 1:
        np.testing.assert_array_equal(found, image)


def test_table_clips():
    table = brightness_contrast_table(1, 3, 100)
    assert table[66] == 0
    assert table[67] == 1
    assert table[100] == 100
    assert table[151] == 253
    assert (table[152:] == 255).all()


def test_random_within_the_ranges():
    transform = RandomBrightnessContrast((0.8, 1.2), (1, 1))
    np.random.seed(0)
    factors = [transform({'img': IMAGE})['img'].mean() / IMAGE.mean() for _ in range(300)]
    assert 0.79 < min(factors) < 0.82
    assert 1.18 < max(factors) < 1.21


def test_errors():
    with pytest.raises(ValueError, match='brightness'):
        RandomBrightnessContrast(brightness=(-1, 1))
    with pytest.raises(ValueError, match='contrast'):
        RandomBrightnessContrast(contrast=(2, 1))
