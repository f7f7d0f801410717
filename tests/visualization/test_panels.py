"""Figures: the spectrum in numbers, the layout in pixels."""

import numpy as np
import pytest
from PIL import Image

from usfm_mm.io.atomic import write_atomic
from usfm_mm.visualization.embedding import embedding_scatter
from usfm_mm.visualization.figures import figure_to_array, save_figure
from usfm_mm.visualization.reconstruction import (
    dataset_panel,
    log_spectrum,
    reconstruction_panel,
)
from usfm_mm.visualization.tiles import Tile, tile_panel


@pytest.mark.parametrize('shape', [(8, 8), (7, 9), (6, 11)])
def test_spectrum_equals_an_explicit_dft(shape):
    image = np.random.default_rng(0).random(shape)
    height, width = shape
    u = np.arange(height) - height // 2
    v = np.arange(width) - width // 2
    rows = np.exp(-2j * np.pi * np.outer(u, np.arange(height)) / height)
    columns = np.exp(-2j * np.pi * np.outer(np.arange(width), v) / width)
    dft = rows @ image @ columns / np.sqrt(height * width)
    np.testing.assert_allclose(log_spectrum(image), np.log1p(np.abs(dft)), atol=1e-12)
    numpy = np.log1p(np.abs(np.fft.fftshift(np.fft.fft2(image, norm='ortho'))))
    np.testing.assert_allclose(log_spectrum(image), numpy, atol=1e-12)


def test_spectrum_of_a_constant_is_a_point_in_the_centre():
    spectrum = log_spectrum(np.full((2, 1, 6, 6), 0.5))
    assert spectrum.shape == (2, 1, 6, 6)
    assert spectrum[0, 0, 3, 3] == pytest.approx(np.log1p(0.5 * 6))
    spectrum[..., 3, 3] = 0
    np.testing.assert_allclose(spectrum, 0, atol=1e-12)


def waves(count: int, channels: int = 1) -> np.ndarray:
    y, x = np.mgrid[:32, :32] / 32
    images = [0.5 + 0.4 * np.sin(2 * np.pi * (n + 2) * x) * np.cos(6 * y) for n in range(count)]
    return np.repeat(np.stack(images)[:, None], channels, axis=1)


@pytest.mark.parametrize('channels', [1, 3])
def test_panel_shows_the_images_on_one_scale_per_row(channels):
    original = waves(2, channels)
    masked, reconstruction = original.copy(), original + 10  # clipped to white
    masked[..., :16] = 0.25
    figure = reconstruction_panel(original, masked, reconstruction, ['breast', 'heart'])
    assert len(figure.axes) == 12
    names = ['Original', 'Masked', 'Reconstruction']
    texts = [text.get_text() for text in figure.texts]
    assert texts == [*names, *(f'{name}\nspectrum' for name in names), 'breast', 'heart']
    for row in range(2):
        tiles = [axes.get_images()[0] for axes in figure.axes[6 * row : 6 * row + 6]]
        assert len({tile.get_clim() for tile in tiles[:3]}) == 1
        assert len({tile.get_clim() for tile in tiles[3:]}) == 1
        shown = tiles[1].get_array()
        np.testing.assert_allclose(shown if channels == 1 else shown[..., 0], masked[row, 0])
        np.testing.assert_allclose(tiles[2].get_array(), 1)
        np.testing.assert_allclose(
            tiles[3].get_array(), log_spectrum(255 * original[row, 0]), atol=1e-9
        )


def test_panel_of_black_images_draws():
    black = np.zeros((1, 1, 16, 16))
    assert figure_to_array(reconstruction_panel(black, black, black, ['a'])).max() == 255


@pytest.mark.parametrize(
    ('original', 'masked', 'labels', 'message'),
    [
        (np.zeros((2, 1, 8, 8)), np.zeros((2, 1, 8, 4)), ['a', 'b'], 'differ in shape'),
        (np.zeros((2, 1, 8, 8)), np.zeros((2, 1, 8, 8)), ['a'], '1 labels for 2 images'),
        (np.zeros((0, 1, 8, 8)), np.zeros((0, 1, 8, 8)), [], 'N > 0'),
        (np.zeros((1, 2, 8, 8)), np.zeros((1, 2, 8, 8)), ['a'], 'C 1 or 3'),
    ],
)
def test_panel_refuses_what_does_not_fit(original, masked, labels, message):
    with pytest.raises(ValueError, match=message):
        reconstruction_panel(original, masked, original, labels)


def test_dataset_panel():
    stored = [np.full((40, 60, 1), 51, np.uint8), np.full((20, 20), 255, np.uint8)]
    figure = dataset_panel(stored, waves(2), 0.5 * waves(2), ['a', 'b'])
    assert len(figure.axes) == 8
    texts = [text.get_text() for text in figure.texts]
    assert texts == ['Stored', 'Augmented', 'Masked', 'Masked\nspectrum', 'a', 'b']
    np.testing.assert_allclose(figure.axes[0].get_images()[0].get_array(), np.full((40, 60), 0.2))
    np.testing.assert_allclose(figure.axes[6].get_images()[0].get_array(), 0.5 * waves(2)[1, 0])
    with pytest.raises(ValueError, match='must agree'):
        dataset_panel(stored, waves(2), waves(2), ['a'])


def test_scatter_counts_the_images_of_each_label():
    labels = [f'organ {n:02d}' for n in range(12) for _ in range(n + 1)]
    points = np.random.default_rng(0).random((len(labels), 2))
    axes = embedding_scatter(points, labels).axes[0]
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == [f'organ {n:02d} ({n + 1})' for n in range(12)]
    styles = {
        (tuple(c.get_facecolor()[0]), c.get_paths()[0].vertices.shape) for c in axes.collections
    }
    assert len(styles) == 12
    drawn = np.concatenate([np.asarray(c.get_offsets()) for c in axes.collections])
    np.testing.assert_allclose(drawn, points)
    with pytest.raises(ValueError, match='N labels'):
        embedding_scatter(points, labels[1:])


def test_saved_under_its_name_alone(tmp_path):
    figure = embedding_scatter(np.random.default_rng(0).random((9, 2)), list('aabbccabc'))
    path = save_figure(figure, tmp_path / 'new' / 'scatter.png')
    assert [file.name for file in path.parent.iterdir()] == ['scatter.png']
    picture = np.asarray(Image.open(path).convert('RGB')).astype(int)
    assert np.abs(picture - figure_to_array(figure)).mean() < 2


def test_failed_write_leaves_the_old_file(tmp_path):
    write_atomic(tmp_path / 'a.json', b'old')
    with pytest.raises(TypeError):
        write_atomic(tmp_path / 'a.json', None)
    assert (tmp_path / 'a.json').read_bytes() == b'old'


def test_a_panel_of_twelve_organs_is_small(tmp_path):
    rng = np.random.default_rng(0)
    images = np.clip(0.3 + 0.1 * rng.normal(size=(12, 1, 224, 224)), 0, 1)
    figure = reconstruction_panel(images, images, images, ['organ'] * 12)
    assert save_figure(figure, tmp_path / 'a.png').stat().st_size < 700_000


def test_few_bright_echoes_stay_bright(tmp_path):
    """A palette fitted to the frequent greys makes them flat: every grey is within 2 of its own."""
    dark = np.random.default_rng(0).integers(0, 60, (200, 200), np.uint8)
    dark[50, 50:70] = np.arange(150, 250, 5)
    figure = tile_panel({'': [Tile(dark, 'a clip')]})
    picture = np.asarray(Image.open(save_figure(figure, tmp_path / 'a.png')).convert('RGB'))
    drawn = figure_to_array(figure).astype(int)
    assert (drawn == drawn[..., :1]).all()
    assert np.abs(picture - drawn).max() <= 2
