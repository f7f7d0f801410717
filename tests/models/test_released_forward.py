"""Weights in the released layout give the outputs of the released forward pass."""

import pytest
import torch
from mmpretrain.models import BEiTViT

from support.released_layout import (
    ARCH,
    released_blocks,
    released_classifier_features,
    released_feature_maps,
    released_state_dict,
)
from usfm_mm.models import USFMViT
from usfm_mm.models.checkpoints.loading import load_pretrained

WINDOWS = [(4, 4), (3, 5)]


def stock(**kwargs):
    return BEiTViT(use_rel_pos_bias=False, use_shared_rel_pos_bias=True, **kwargs)


def filled(model, path):
    load_pretrained(model, path)
    model.eval()  # mmpretrain's eval() returns nothing


@pytest.fixture(params=WINDOWS, ids=str)
def case(request, tmp_path):
    """Weights, their file, and images of the size that the weights were made for."""
    weights = released_state_dict(request.param)
    torch.save(weights, tmp_path / 'USFM_latest.pth')
    size = tuple(16 * side for side in request.param)
    images = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))
    return weights, str(tmp_path / 'USFM_latest.pth'), images


@pytest.mark.parametrize('build', [USFMViT, stock])
def test_classifier_features(case, build):
    weights, path, images = case
    model = build(arch=ARCH, img_size=tuple(images.shape[2:]), out_type='avg_featmap')
    torch.nn.init.normal_(model.ln2.weight)
    torch.nn.init.normal_(model.ln2.bias)
    filled(model, path)
    with torch.no_grad():
        features = model(images)[-1]
    expected = released_classifier_features(
        weights, images, model.ln2.weight.detach(), model.ln2.bias.detach()
    )
    torch.testing.assert_close(features, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('build', [USFMViT, stock])
def test_four_feature_maps(case, build):
    weights, path, images = case
    model = build(
        arch=ARCH,
        img_size=tuple(images.shape[2:]),
        out_type='featmap',
        out_indices=[3, 5, 7, 11],
    )
    filled(model, path)
    with torch.no_grad():
        maps = model(images)
    expected = released_feature_maps(weights, images)
    assert len(maps) == 4
    for value, wanted in zip(maps, expected, strict=True):
        assert value.shape == wanted.shape
        torch.testing.assert_close(value, wanted, rtol=1e-5, atol=1e-5)


def test_pretraining_output_is_normalised(case):
    weights, path, images = case
    model = USFMViT(arch=ARCH, img_size=tuple(images.shape[2:]), out_type='raw', final_norm=True)
    filled(model, path)
    with torch.no_grad():
        tokens = model(images)[-1]
    expected = torch.nn.functional.layer_norm(
        released_blocks(weights, images)[-1],
        (ARCH['embed_dims'],),
        weights['norm.weight'],
        weights['norm.bias'],
        1e-6,
    )
    torch.testing.assert_close(tokens, expected, rtol=1e-5, atol=1e-5)


def test_every_weight_matters(case):
    """The comparison above would notice a swap or a default in any of the encoder's weights."""
    weights, _, images = case
    reference = released_feature_maps(weights, images)[-1]
    for key in weights:
        if key.startswith(('mask_token', 'norm.')) or key.endswith('index'):
            continue
        changed = dict(weights, **{key: weights[key] * 1.3 + 0.1})
        if 'blocks' in key and not key.startswith('blocks.6.'):
            continue  # one block stands for all: they share the code
        assert (released_feature_maps(changed, images)[-1] - reference).abs().max() > 1e-3, key
