"""The affine crop against SciPy and analytic images."""

import cv2
import numpy as np
import pytest
from scipy.ndimage import affine_transform

from usfm_mm.datasets.transforms.random_affine_crop import RandomAffineCrop
from usfm_mm.io.warp import window_matrix


def plain(size=224):
    return RandomAffineCrop(size, rotation=(0, 0), scale=(1, 1), ratio=(1, 1))


def apply(transform, image, seed=0):
    np.random.seed(seed)
    return transform({'img': image})['img']


def smooth(height, width):
    image = np.random.default_rng(0).integers(0, 256, (height, width)).astype(np.uint8)
    return cv2.GaussianBlur(image, (0, 0), 3)


@pytest.mark.parametrize('angle', [0.0, 10.0, -37.0, 90.0])
def test_matrix_against_scipy_in_float64(angle):
    """The window's pixels, interpolated by SciPy, from coordinates written out independently."""
    image = smooth(90, 120).astype(np.float64)
    window, center, size = (50.0, 70.0), (61.0, 43.0), (32, 40)
    matrix = window_matrix(angle, window, center, size)
    # SciPy's axes are (y, x)
    found = affine_transform(image, matrix[::-1, 1::-1], matrix[::-1, 2], size, order=1)
    y, x = np.mgrid[: size[0], : size[1]]
    u = ((x + 0.5) / size[1] - 0.5) * window[1]
    v = (0.5 - (y + 0.5) / size[0]) * window[0]  # upwards
    # a picture that turns counter-clockwise by a shows at (u, v) what was at -a
    turned = (u + 1j * v) * np.exp(-1j * np.deg2rad(angle))
    column, row = center[0] + turned.real - 0.5, center[1] - turned.imag - 0.5
    y0, x0 = np.floor(row).astype(int), np.floor(column).astype(int)
    inside = (y0 >= 0) & (x0 >= 0) & (y0 < 89) & (x0 < 119)
    assert inside.mean() > 0.6
    y0, x0, fy, fx = y0[inside], x0[inside], (row % 1)[inside], (column % 1)[inside]
    expected = (
        image[y0, x0] * (1 - fy) * (1 - fx)
        + image[y0, x0 + 1] * (1 - fy) * fx
        + image[y0 + 1, x0] * fy * (1 - fx)
        + image[y0 + 1, x0 + 1] * fy * fx
    )
    np.testing.assert_allclose(found[inside], expected, atol=1e-9)


@pytest.mark.parametrize('shape', [(256, 256), (100, 160)])
@pytest.mark.parametrize('seed', range(5))
def test_warp_equals_scipy(shape, seed):
    image = smooth(*shape)
    transform = RandomAffineCrop((96, 128), rotation=(-40, 40))
    found = apply(transform, image[..., None], seed)[..., 0]
    np.random.seed(seed)
    angle, height, width, x, y = transform._draw(*shape)
    matrix = window_matrix(angle, (height, width), (x, y), (96, 128))
    expected = affine_transform(
        image.astype(np.float64), matrix[::-1, 1::-1], matrix[::-1, 2], (96, 128), order=1
    )
    # OpenCV rounds coordinates to 1/32 pixel in some versions; SciPy drops the last half pixel
    difference = np.abs(found - expected)
    assert np.quantile(difference, 0.97) <= 1.5
    assert np.median(difference) <= 0.6


def test_ramp_is_turned_and_scaled():
    """Of a linear ramp the result is known: slope times step, along the turned axis."""
    x = np.arange(256)
    ramp = np.broadcast_to(x, (256, 256)).astype(np.uint8)[..., None]
    transform = RandomAffineCrop(128, rotation=(30, 30), scale=(0.25, 0.25), ratio=(1, 1))
    found = apply(transform, ramp)[..., 0].astype(float)
    # the window is 128 wide, so one step is one pixel; the ramp rises along x by cos 30°
    inner = found[40:-40, 40:-40]
    slopes = [np.polyfit(np.arange(48), inner.mean(axis), 1)[0] for axis in (0, 1)]
    np.testing.assert_allclose(slopes, [np.cos(np.pi / 6), -np.sin(np.pi / 6)], atol=0.01)


def test_counter_clockwise():
    """A bright spot on the right moves up."""
    image = np.zeros((101, 101, 1), np.uint8)
    image[48:53, 88:93] = 255
    found = apply(RandomAffineCrop(101, (90, 90), (1, 1), (1, 1)), image)[..., 0]
    rows, columns = np.nonzero(found > 128)
    assert (rows.mean(), columns.mean()) == (10, 50)


@pytest.mark.parametrize('shape', [(256, 256), (64, 64), (320, 200), (200, 300)])
def test_zero_ranges_are_a_resize_of_the_whole(shape):
    image = smooth(*shape)
    found = apply(plain(), image[..., None])
    assert found.shape == (224, 224, 1)
    expected = cv2.resize(image, (224, 224), interpolation=cv2.INTER_LINEAR)
    assert np.abs(found[..., 0].astype(int) - expected).max() <= 1
    np.testing.assert_array_equal(found, apply(plain(), image[..., None], seed=9))


@pytest.mark.parametrize('shape', [(448, 448), (1000, 707), (500, 900)])
def test_large_images_are_averaged(shape):
    """Noise of one-pixel speckle must fall with the area averaged; a gradient must stay put."""
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 1), np.uint8)
    factor = min(shape[0] // 224, shape[1] // 224)
    assert apply(plain(), noise).std() < 1.1 * 74 / factor
    ramp = np.linspace(0, 255, shape[1]).round().astype(np.uint8)
    found = apply(plain(), np.broadcast_to(ramp, shape)[..., None].copy())[100, :, 0]
    expected = ((np.arange(224) + 0.5) * shape[1] / 224 - 0.5) / (shape[1] - 1) * 255
    assert np.abs(found - expected).max() < 1.1


def test_same_seed_same_crop_and_three_channels():
    image = np.repeat(smooth(256, 256)[..., None], 3, axis=2)
    transform = RandomAffineCrop((64, 96))
    found = apply(transform, image, 3)
    assert found.shape == (64, 96, 3)
    for channel in range(3):
        np.testing.assert_array_equal(
            found[..., channel], apply(transform, image[..., :1], 3)[..., 0]
        )
    assert np.abs(found.astype(int) - apply(transform, image, 4)).mean() > 1


def test_draws_fill_their_ranges_and_stay_inside():
    transform = RandomAffineCrop()
    np.random.seed(0)
    draws = np.array([transform._draw(200, 300) for _ in range(2000)])
    angle, height, width, x, y = draws.T
    assert -15 <= angle.min() < -14.5
    assert 14.5 < angle.max() <= 15
    area = height * width / 60_000
    assert 0.6 < area.min() < 0.69
    assert area.max() <= 1
    assert (x - width / 2 >= -1e-9).all()
    assert (x + width / 2 <= 300 + 1e-9).all()
    assert (y - height / 2 >= -1e-9).all()
    assert (y + height / 2 <= 200 + 1e-9).all()
    assert np.corrcoef(draws.T[:1], area)[0, 1] ** 2 < 0.01


@pytest.mark.parametrize(
    'arguments',
    [
        {'size': 0},
        {'size': (1, 2, 3)},
        {'rotation': (5, -5)},
        {'scale': (0, 1)},
        {'scale': (0.5, 1.2)},
        {'ratio': (2, 1)},
    ],
)
def test_errors(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        RandomAffineCrop(**arguments)


def test_scale_is_uniform_and_ratio_is_uniform_in_its_logarithm():
    """Drawn evenly in themselves, ratios of 1/4 to 4 would have a median of 2.1 instead of 1."""
    transform = RandomAffineCrop(32, scale=(0.04, 0.24), ratio=(1 / 4, 4))  # never cut to the image
    np.random.seed(0)
    draws = np.array([transform._draw(100, 200) for _ in range(4000)])
    height, width = draws[:, 1] / 100, draws[:, 2] / 200
    ratio = np.sort(np.log(width / height)) / np.log(4)
    even = np.linspace(-1, 1, len(ratio))
    assert abs(ratio - even).max() < 0.06  # Kolmogorov and Smirnov: 0.04 at 0.1 %
    scale = np.sort(width * height)
    assert abs(scale - np.linspace(0.04, 0.24, len(scale))).max() < 0.006
