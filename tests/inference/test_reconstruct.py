"""Reconstruction under given and drawn masks."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from usfm_mm.inference.rebuild import draw_masks, reconstruct
from usfm_mm.masking import dual_mask
from usfm_mm.models import USFMPretrainer
from usfm_mm.models.outputs import rebuilt_of

SPECKLE = np.random.default_rng(0).integers(0, 256, (3, 64, 96), np.uint8)


class Model:
    def __init__(self):
        arch = dict(embed_dims=48, num_layers=2, num_heads=3, feedforward_channels=96)
        backbone = dict(type='usfm_mm.USFMViT', arch=arch, img_size=(64, 96), in_channels=1)
        backbone.update(out_type='featmap', final_norm=True)
        preprocessor = dict(type='usfm_mm.DualMaskDataPreprocessor', mean=[55.0], std=[50.0])
        torch.manual_seed(0)
        self.module = USFMPretrainer(backbone, preprocessor).eval()
        self.card = SimpleNamespace(
            task='pretrain',
            image_size=(64, 96),
            channels=1,
            classes=[],
            kind='class',
            clip_frames=None,
        )

    def rebuild(self, images, patch_mask, bands):
        return rebuilt_of(self.module, images, patch_mask, bands)


def test_given_masks_are_those_of_the_method():
    model = Model()
    patch_mask = np.array([[True, False, False], [False, False, True]])
    bands = np.array([False, True, False, False, False, False, False])
    [answer] = reconstruct(model, SPECKLE[0], patch_mask, bands)
    image = torch.from_numpy(SPECKLE[:1, None]).float() / 255
    masked = dual_mask(image, torch.from_numpy(patch_mask[None]), torch.from_numpy(bands[None]))
    expected = (masked[0, 0] * 255).clamp(0, 255).round().numpy()
    assert np.abs(answer.masked - expected).max() <= 1
    normalise = model.module.data_preprocessor
    with torch.no_grad():
        rebuilt = normalise.to_unit(model.module.reconstruct(normalise.normalise(masked)))
    expected = (rebuilt[0, 0] * 255).clamp(0, 255).round().numpy()
    assert np.abs(answer.image - expected).max() <= 1
    np.testing.assert_allclose(answer.error, np.abs(SPECKLE[0] - answer.image.astype(float)))


def test_one_mask_alone():
    [answer] = reconstruct(Model(), SPECKLE[0], patch_mask=np.zeros((2, 3), bool))
    np.testing.assert_array_equal(answer.masked, SPECKLE[0])
    assert answer.bands is None


def test_drawn_masks_depend_on_seed_and_place_not_on_the_batch():
    one, many, other = (
        list(reconstruct(Model(), SPECKLE, batch_size=n, seed=seed))
        for n, seed in ((1, 4), (3, 4), (3, 5))
    )
    for a, b in zip(one, many, strict=True):
        np.testing.assert_array_equal(a.patch_mask, b.patch_mask)
        assert np.abs(a.image.astype(int) - b.image).max() <= 1
        assert (a.patch_mask.sum(), a.bands.sum()) == (3, 2)  # 40 % of 6, rounded up
    assert not np.array_equal(many[0].bands, many[1].bands) or not np.array_equal(
        many[0].patch_mask, many[1].patch_mask
    )
    assert any(not np.array_equal(a.masked, b.masked) for a, b in zip(many, other, strict=True))
    np.testing.assert_array_equal(draw_masks(Model().card, 4, 1)[0], many[1].patch_mask)


def test_in_the_geometry_of_the_picture():
    [answer] = reconstruct(Model(), np.zeros((130, 70, 3), np.uint8))
    assert answer.image.shape == answer.masked.shape == answer.error.shape == (130, 70)


@pytest.mark.parametrize(
    ('masks', 'text'),
    [
        (dict(patch_mask=np.zeros((2, 5), bool)), 'does not divide'),
        (dict(patch_mask=np.zeros((2, 3))), 'must be bool'),
        (dict(bands=np.array([1, 0])), 'bands must be bool'),
    ],
)
def test_masks_that_do_not_fit(masks, text):
    with pytest.raises(ValueError, match=text):
        reconstruct(Model(), SPECKLE[0], **masks)
