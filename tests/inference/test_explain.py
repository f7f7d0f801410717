"""Occlusion maps point at what a class is told by."""

from types import SimpleNamespace

import numpy as np
import pytest

from usfm_mm.inference.explain import occlude
from usfm_mm.visualization.overlay import heat


class Corner:
    """Calls a picture light by its upper left quarter alone."""

    card = SimpleNamespace(
        task='classify',
        image_size=(40, 60),
        channels=1,
        classes=['no', 'yes'],
        kind='class',
        clip_frames=None,
    )

    def __call__(self, images):
        light = images[:, 0, :20, :30].mean((1, 2)) / np.float32(255)
        return np.stack([1 - light, light], 1)


def test_the_map_is_high_where_the_answer_comes_from():
    picture = np.zeros((80, 90), np.uint8)
    picture[:40, :45] = 255
    [answer] = occlude(Corner(), picture, grid=4, batch_size=3)
    assert answer.label == 'yes'
    assert answer.drop.shape == (80, 90)
    # Each of the corner's four parts holds a quarter of the score; under the mean 64 / 255 is left.
    assert answer.drop[:20, :20].mean() == pytest.approx((1 - 64 / 255) / 4, abs=0.01)
    assert np.abs(answer.drop[60:, 60:]).max() < 1e-6


def test_bad_grid():
    for grid in (1, 41):
        with pytest.raises(ValueError, match='grid must be 2 to 40'):
            occlude(Corner(), np.zeros((8, 8), np.uint8), grid=grid)


def test_heat_leaves_what_is_low_as_it_is():
    image = np.full((4, 6), 100, np.uint8)
    values = np.zeros((4, 6), np.float32)
    values[0, 0], values[1, 1] = 2, -3
    drawn = heat(image, values)
    assert drawn.shape == (4, 6, 3)
    changed = (drawn != 100).any(axis=-1)
    assert changed[0, 0]
    assert changed.sum() == 1
