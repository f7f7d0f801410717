"""What is drawn, and how often."""

import numpy as np
import pytest
from scipy import stats

from usfm_mm.datasets.transforms import BandStopMask, DrawDualMask, SpatialMeanMask


def draws(count, transform, shape=(224, 224, 1)):
    np.random.seed(0)
    image = np.zeros(shape, np.uint8)
    return [transform(dict(img=image)) for _ in range(count)]


def test_twenty_of_forty_nine_patches_and_two_of_seven_bands():
    for results in draws(50, DrawDualMask()):
        assert results['patch_mask'].shape == (7, 7)
        assert results['patch_mask'].sum() == 20  # ceil(0.4 * 49)
        assert results['bands'].shape == (7,)
        assert results['bands'].sum() == 2


def test_all_patches_and_all_pairs_of_bands_are_equally_likely():
    results = draws(4200, DrawDualMask())
    patches = np.sum([r['patch_mask'] for r in results], axis=0).ravel()
    assert stats.chisquare(patches).pvalue > 1e-3
    pairs = [tuple(np.flatnonzero(r['bands'])) for r in results]
    _, counts = np.unique(pairs, axis=0, return_counts=True)
    assert len(counts) == 21
    assert stats.chisquare(counts).pvalue > 1e-3


def test_non_square_images_and_no_band():
    (results,) = draws(1, DrawDualMask(mask_size=16, num_stopped=0), (64, 96, 3))
    assert results['patch_mask'].shape == (4, 6)
    assert results['patch_mask'].sum() == 10
    assert 'bands' not in results


@pytest.mark.parametrize('transform', [DrawDualMask(), SpatialMeanMask()])
def test_size_that_is_no_multiple(transform):
    with pytest.raises(ValueError, match='224x200 is not a multiple of the mask patch'):
        transform(dict(img=np.zeros((224, 200, 1), np.uint8)))


@pytest.mark.parametrize('wrong', [dict(mask_ratio=1.5), dict(num_stopped=8), dict(mask_size=0)])
def test_wrong_arguments(wrong):
    with pytest.raises(ValueError, match='DrawDualMask needs'):
        DrawDualMask(**wrong)


def test_single_image_transforms_draw_for_themselves():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (64, 64), np.uint8)
    np.random.seed(0)
    spatial = SpatialMeanMask()(dict(img=image))
    assert spatial['img'].shape == (64, 64)
    pixels = spatial['patch_mask'].repeat(32, 0).repeat(32, 1)
    np.testing.assert_allclose(spatial['img'][pixels], image.mean(), rtol=1e-5)
    np.testing.assert_allclose(spatial['img'][~pixels], image[~pixels], rtol=1e-6)
    frequency = BandStopMask()(dict(img=image))
    assert frequency['bands'].sum() == 2
    assert frequency['img'].mean() == pytest.approx(image.mean(), rel=1e-5)
