"""Blur against SciPy."""

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from usfm_mm.datasets.transforms.random_gaussian_blur import RandomGaussianBlur, gaussian_blur

IMAGE = np.random.default_rng(0).integers(0, 256, (40, 50, 1), np.uint8)


@pytest.mark.parametrize('sigma', [0.3, 0.5, 0.8, 1.7])
def test_blur_against_scipy(sigma):
    exact = gaussian_filter(
        IMAGE[..., 0].astype(np.float64), sigma, mode='mirror', radius=math.ceil(2.5 * sigma)
    )
    found = gaussian_blur(IMAGE.astype(np.float64), sigma)
    np.testing.assert_allclose(found, exact, atol=1e-9)
    transform = RandomGaussianBlur(1.0, (sigma, sigma))
    found = transform({'img': IMAGE})['img']
    assert found.shape == IMAGE.shape
    # 8-bit images are blurred in fixed point
    assert np.abs(found[..., 0] - exact).max() <= 2


@pytest.mark.parametrize('sigma', [0.4, 0.8])
def test_short_kernel_is_close_to_a_long_one(sigma):
    exact = gaussian_filter(IMAGE[..., 0].astype(np.float64), sigma, mode='mirror', truncate=8)
    found = gaussian_blur(IMAGE[..., 0].astype(np.float64), sigma)
    assert np.abs(found - exact).max() < 0.02 * 255


def test_probability_and_channels():
    image = IMAGE.repeat(3, 2)
    transform = RandomGaussianBlur(0.3, (0.8, 0.8))
    np.random.seed(0)
    changed = [not np.array_equal(transform({'img': image})['img'], image) for _ in range(1000)]
    assert 0.25 < np.mean(changed) < 0.35
    found = RandomGaussianBlur(1.0, (0.8, 0.8))({'img': image})['img']
    assert (found == found[..., :1]).all()


def test_errors():
    with pytest.raises(ValueError, match='prob'):
        RandomGaussianBlur(prob=2)
    with pytest.raises(ValueError, match='sigma'):
        RandomGaussianBlur(sigma=(0, 1))
