"""Answers drawn onto pictures: colours and outlines by their definition, pixel by pixel."""

import numpy as np
import pytest

from usfm_mm.visualization.overlay import overlay

PALETTE = [(9, 9, 9), (0, 200, 0), (255, 17, 101)]
RNG = np.random.default_rng(0)
HALF = 0.5 + 1e-4  # rounding to whole levels, of float32


def by_definition(image, mask):
    """0.35 of the colour inside a class, all of it where a neighbour is outside the class."""
    image = np.stack([image] * 3, -1) if image.ndim == 2 else image
    found = image.astype(np.float64)
    for row, column in np.argwhere(mask):
        number = mask[row, column]
        around = mask[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
        cover = 1 if (around != number).any() else 0.35
        colour = np.float64(PALETTE[number])
        found[row, column] = (1 - cover) * image[row, column] + cover * colour
    return found


@pytest.mark.parametrize('shape', [(40, 60), (40, 60, 3)])
def test_overlay_is_its_definition(shape):
    image, mask = RNG.integers(0, 256, shape, np.uint8), np.zeros((40, 60), np.uint8)
    mask[5:20, 0:30], mask[15:40, 25:50], mask[2, 55] = 1, 2, 1  # at borders, and touching
    before = image.copy()
    drawn = overlay(image, mask, PALETTE)
    np.testing.assert_array_equal(image, before)
    assert drawn.dtype == np.uint8
    np.testing.assert_allclose(drawn, by_definition(image, mask), atol=HALF, rtol=0)


@pytest.mark.parametrize('number', [1, 2])
def test_every_level_under_every_colour(number):
    image = np.repeat(np.arange(256, dtype=np.uint8)[None], 3, 0)
    drawn = overlay(image, np.full(image.shape, number, np.uint8), PALETTE)
    expected = 0.65 * image[..., None] + 0.35 * np.float64(PALETTE[number])
    np.testing.assert_allclose(drawn, expected, atol=HALF, rtol=0)


def test_views_are_drawn_on_as_their_copies():
    image = RNG.integers(0, 256, (40, 60, 3), np.uint8)
    mask = RNG.integers(0, 3, (40, 60), np.uint8)
    image, mask = image[::2, ::-1, ::-1], mask[::2, ::-1]
    expected = overlay(image.copy(), mask.copy(), PALETTE)
    np.testing.assert_array_equal(overlay(image, mask, PALETTE), expected)


@pytest.mark.parametrize('dtype', [bool, np.int64])
def test_a_mask_may_be_what_a_threshold_or_numpy_gives(dtype):
    image = np.full((6, 8), 90, np.uint8)
    mask = np.zeros((6, 8), np.uint8)
    mask[2:4, 3:7] = 1
    palette = [(0, 0, 0), (200, 30, 10)]
    expected = overlay(image, mask, palette)
    assert (expected != 90).any()
    np.testing.assert_array_equal(overlay(image, mask.astype(dtype), palette), expected)
