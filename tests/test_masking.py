"""Masks against Eq. 2-8 written out in float64 with an explicit DFT matrix."""

import numpy as np
import pytest
import torch

from usfm_mm.masking import band_edges, band_stop_mask, dual_mask, empty_bands, spatial_mean_mask

EDGES = (5, 10, 15, 22, 33, 49, 73, 109)
SIZES = [(64, 64), (63, 63), (48, 80), (33, 50), (224, 160)]


def centred(n):
    """Whole frequency indices in the order of the unshifted DFT."""
    k = np.arange(n)
    return np.where(k <= (n - 1) // 2, k, k - n)


def reference_band_stop(image, stopped, edges=EDGES, protect=5):
    """Eq. 3 (explicit sums), Eq. 7 and the inverse sum; complex result."""
    height, width = image.shape
    dft_h = np.exp(-2j * np.pi * np.outer(np.arange(height), np.arange(height)) / height)
    dft_w = np.exp(-2j * np.pi * np.outer(np.arange(width), np.arange(width)) / width)
    spectrum = dft_h @ image @ dft_w
    for row, u in enumerate(centred(height)):
        for column, v in enumerate(centred(width)):
            if max(abs(u), abs(v)) <= protect:
                continue
            rho = np.sqrt(u**2 + v**2)
            for k, stop in enumerate(stopped):
                if stop and edges[k] < rho <= edges[k + 1]:
                    spectrum[row, column] = 0
    return dft_h.conj() @ spectrum @ dft_w.conj() / (height * width)


def draw(shape, seed=0, grid=None):
    rng = np.random.default_rng(seed)
    batch, _, height, width = shape
    images = rng.random(shape)
    bands = np.zeros((batch, 7), dtype=bool)
    for row in bands:
        row[rng.choice(7, 2, replace=False)] = True
    rows, columns = grid or (1, 1)
    patches = rng.random((batch, rows, columns)) < 0.4
    return images, patches, bands


def test_band_edges_are_the_documented_ones():
    assert band_edges() == EDGES
    assert band_edges(3, 4) == (4, 8, 12, 18)
    widths = np.diff(band_edges(12))
    assert (np.diff(widths) >= 0).all()
    with pytest.raises(ValueError, match='num_bands'):
        band_edges(0)
    with pytest.raises(ValueError, match='first'):
        band_edges(7, 1)


@pytest.mark.parametrize(('height', 'width'), SIZES)
def test_band_stop_equals_explicit_dft(height, width):
    images, _, bands = draw((2, 1, height, width), seed=height * width)
    bands[0, :] = False
    bands[0, [0, 2]] = True  # bands that these sizes surely have
    out = band_stop_mask(torch.from_numpy(images), torch.from_numpy(bands))
    assert out.dtype == torch.float64
    for got, image, stopped in zip(out.numpy(), images, bands, strict=True):
        expected = reference_band_stop(image[0], stopped)
        # The mask is symmetric about DC, so the inverse is real.
        assert abs(expected.imag).max() < 1e-12
        np.testing.assert_allclose(got[0], expected.real, atol=1e-12)
    assert not np.allclose(out[0], images[0], atol=1e-3)


@pytest.mark.parametrize(('height', 'width'), [(64, 64), (63, 45), (96, 64)])
def test_centre_untouched_and_stopped_bands_empty(height, width):
    images, _, _ = draw((1, 1, height, width))
    everything = torch.ones(1, 7, dtype=torch.bool)
    out = band_stop_mask(torch.from_numpy(images), everything)[0, 0].numpy()
    before, after = np.fft.fft2(images[0, 0]), np.fft.fft2(out)
    u, v = np.meshgrid(centred(height), centred(width), indexing='ij')
    rho, centre = np.hypot(u, v), np.maximum(abs(u), abs(v)) <= 5
    np.testing.assert_allclose(after[centre], before[centre], atol=1e-9)
    stopped = (rho > 5) & (rho <= 109) & ~centre
    assert stopped.sum() > 1000
    assert abs(after[stopped]).max() < 1e-9
    np.testing.assert_allclose(after[rho > 109], before[rho > 109], atol=1e-9)


def test_band_of_frequencies_on_an_edge():
    """r_k < rho <= r_{k+1}: (6, 8) has rho exactly 10, the upper edge of band 0."""
    y, x = np.mgrid[:64, :64]
    wave = np.cos(2 * np.pi * (6 * y + 8 * x) / 64)[None, None]
    for band in range(7):
        bands = torch.zeros(1, 7, dtype=torch.bool)
        bands[0, band] = True
        out = band_stop_mask(torch.from_numpy(wave), bands)
        expected = np.zeros_like(wave) if band == 0 else wave
        np.testing.assert_allclose(out.numpy(), expected, atol=1e-12)


@pytest.mark.parametrize(
    ('height', 'width', 'expected'),
    [(224, 224, ()), (112, 112, ()), (96, 96, (6,)), (64, 64, (5, 6)), (64, 112, (6,))],
)
def test_masking_an_empty_band_changes_nothing(height, width, expected):
    assert empty_bands(height, width, band_edges()) == expected
    image = torch.rand(1, 1, height, width, dtype=torch.float64)
    unchanged = [
        band
        for band in range(7)
        if torch.allclose(band_stop_mask(image, torch.arange(7)[None] == band), image, atol=1e-12)
    ]
    assert unchanged == list(expected)


def test_band_within_the_protected_centre_is_empty():
    assert empty_bands(64, 64, (1, 3, 20), protect=5) == (0,)


def test_spatial_mean_equals_loop():
    images, patches, _ = draw((3, 2, 96, 64), grid=(3, 2))
    out = spatial_mean_mask(torch.from_numpy(images), torch.from_numpy(patches)).numpy()
    for b in range(3):
        for c in range(2):
            expected = images[b, c].copy()
            for i in range(3):
                for j in range(2):
                    if patches[b, i, j]:
                        expected[i * 32 : i * 32 + 32, j * 32 : j * 32 + 32] = images[b, c].mean()
            np.testing.assert_allclose(out[b, c], expected, rtol=1e-13)


@pytest.mark.parametrize('channels', [1, 3])
def test_dual_mask_equals_reference(channels):
    images, patches, bands = draw((2, channels, 64, 96), grid=(2, 3))
    patches[0, 0, 0], patches[1, 1, 1] = True, False
    tensors = [torch.from_numpy(array) for array in (images, patches, bands)]
    out = dual_mask(*tensors).numpy()
    for b in range(2):
        pixels = patches[b].repeat(32, 0).repeat(32, 1)
        for c in range(channels):
            filtered = reference_band_stop(images[b, c], bands[b]).real
            expected = np.where(pixels, images[b, c].mean(), filtered)
            np.testing.assert_allclose(out[b, c], expected, atol=1e-12)


def test_nothing_masked_leaves_the_image():
    images, patches, bands = draw((1, 1, 65, 47))
    out = dual_mask(
        torch.from_numpy(images),
        torch.zeros_like(torch.from_numpy(patches)),
        torch.zeros_like(torch.from_numpy(bands)),
    )
    np.testing.assert_allclose(out.numpy(), images, atol=1e-14)


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_runs_in_float32_under_autocast(dtype):
    images, patches, bands = draw((1, 1, 64, 64), grid=(2, 2))
    arguments = (torch.from_numpy(patches), torch.from_numpy(bands))
    exact = dual_mask(torch.from_numpy(images), *arguments)
    with torch.autocast('cpu', torch.bfloat16):
        out = dual_mask(torch.from_numpy(images).to(dtype), *arguments)
    assert out.dtype == torch.float32
    tolerance = 1e-5 if dtype == torch.float32 else 2e-2
    torch.testing.assert_close(out.double(), exact, atol=tolerance, rtol=0)


@pytest.mark.gpu
def test_gpu_equals_cpu():
    images, patches, bands = draw((4, 1, 224, 224), grid=(7, 7))
    tensors = [torch.from_numpy(array) for array in (images, patches, bands)]
    out = dual_mask(*[tensor.cuda() for tensor in tensors])
    torch.testing.assert_close(out.cpu(), dual_mask(*tensors), atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    ('images', 'patches', 'bands', 'message'),
    [
        (torch.zeros(1, 1, 64, 64, dtype=torch.uint8), (1, 2, 2), (1, 7), 'float tensor'),
        (torch.zeros(1, 64, 64), (1, 2, 2), (1, 7), r'\[B, C, H, W\]'),
        (torch.zeros(1, 1, 65, 64), (1, 2, 2), (1, 7), 'divides 65x64'),
        (torch.zeros(2, 1, 64, 64), (1, 2, 2), (2, 7), 'patch_mask must be'),
        (torch.zeros(2, 1, 64, 64), (2, 2, 2), (1, 7), 'bands must be'),
    ],
)
def test_wrong_input(images, patches, bands, message):
    patches, bands = torch.zeros(patches, dtype=torch.bool), torch.zeros(bands, dtype=torch.bool)
    with pytest.raises(ValueError, match=message):
        dual_mask(images, patches, bands)


def test_wrong_edges():
    images, bands = torch.zeros(1, 1, 64, 64), torch.zeros(1, 2, dtype=torch.bool)
    for edges in [(5, 10), (5, 10, 10)]:
        with pytest.raises(ValueError, match='3 increasing radii'):
            band_stop_mask(images, bands, edges)
