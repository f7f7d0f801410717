"""Attention rollout against cases by hand, and what is taken out of the encoder."""

import numpy as np
import pytest
import torch

from support.answering import CLASSIFY, answering, with_card
from usfm_mm.apis import rollout
from usfm_mm.inference.explain import check_rollout
from usfm_mm.inference.exported import ExportedModel
from usfm_mm.models.rollout import attention_rollout, patch_shares, shares_of

F64 = torch.float64
SPECKLE = np.random.default_rng(0).integers(0, 256, (2, 3, 64, 96), np.uint8)


@pytest.mark.parametrize('cls_token', [False, True])
@pytest.mark.parametrize('pooled', [False, True])
def test_uniform_attention_gives_even_shares(cls_token, pooled):
    uniform = torch.full((2, 3, 6, 6), 1 / 6, dtype=torch.float64)
    product = attention_rollout([uniform] * 4)
    torch.testing.assert_close(product.sum(-1), torch.ones(2, 6, dtype=torch.float64))
    if pooled or cls_token:  # without a class token, the first is a patch that sees itself more
        shares = patch_shares(product, cls_token, pooled)
        torch.testing.assert_close(shares, torch.ones_like(shares))


def test_two_blocks_by_hand():
    first = torch.tensor([[0.0, 1.0, 0.0], [0.5, 0.0, 0.5], [0.0, 0.0, 1.0]], dtype=F64)
    second = torch.tensor([[0.2, 0.8, 0.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], dtype=F64)
    # Halves of attention and identity: [.5 .5 0; .25 .5 .25; 0 0 1], [.6 .4 0; 0 1 0; .5 0 .5].
    expected = torch.tensor(
        [[0.4, 0.5, 0.1], [0.25, 0.5, 0.25], [0.25, 0.25, 0.5]], dtype=torch.float64
    )
    heads = torch.stack([2 * first - 0.3, torch.full_like(first, 0.3)])  # their mean is first
    product = attention_rollout([heads[None], second[None, None]])
    torch.testing.assert_close(product[0], expected, rtol=0, atol=1e-12)
    # Of the mean over the patches, and of the class token's row, without its own part.
    torch.testing.assert_close(
        patch_shares(product, False, True)[0], 3 * expected.mean(0), rtol=0, atol=1e-12
    )
    row = torch.tensor([0.5, 0.1], dtype=torch.float64)
    torch.testing.assert_close(
        patch_shares(product, True, False)[0], row / row.mean(), rtol=0, atol=1e-12
    )
    with pytest.raises(ValueError, match='no attention'):
        attention_rollout([])


@pytest.fixture(scope='module')
def classifier(tmp_path_factory):
    return with_card(answering(CLASSIFY, tmp_path_factory.mktemp('cls'))[0])


def attentions_by_hand(backbone, x):
    """Softmax of queries and keys of each block, computed from the parameters."""
    found = []
    tokens, grid = backbone.embed(x)
    x = torch.cat([backbone.cls_token.expand(len(x), -1, -1), tokens], 1)
    bias = backbone._bias(backbone.rel_pos_bias, grid)
    for layer in backbone.layers:
        attn, y = layer.attn, layer.ln1(x)
        dims, heads = y.shape[-1], attn.num_heads
        weight = attn.qkv.weight
        q = y @ weight[:dims].T + attn.q_bias
        k = y @ weight[dims : 2 * dims].T
        q, k = (z.unflatten(-1, (heads, -1)).transpose(1, 2) for z in (q, k))
        logits = q @ k.transpose(-1, -2) * (dims // heads) ** -0.5 + bias
        found.append(logits.softmax(-1))
        x = layer(x, bias)
    return found


def test_shares_are_those_of_the_attention(classifier):
    module = classifier.module
    with torch.no_grad():
        mean, std = (
            torch.tensor(v).view(-1, 1, 1) for v in (classifier.card.mean, classifier.card.std)
        )
        inputs = (torch.from_numpy(SPECKLE).float() - mean) / std
        attentions = attentions_by_hand(module.backbone, inputs)
    expected = patch_shares(attention_rollout(attentions), True, True).reshape(2, 4, 6)
    before = classifier(SPECKLE)
    found = classifier.shares(SPECKLE)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4)
    assert found.std() > 0.01
    for layer in module.backbone.layers:
        layer.attn.fused = True
    np.testing.assert_allclose(classifier.shares(SPECKLE), found, rtol=1e-4)
    assert all(layer.attn.fused for layer in module.backbone.layers)
    assert not any(layer.attn.attn_drop._forward_pre_hooks for layer in module.backbone.layers)
    np.testing.assert_allclose(classifier(SPECKLE), before, atol=1e-5)


def test_in_the_geometry_of_the_picture(classifier):
    picture = np.random.default_rng(1).integers(0, 256, (50, 81), np.uint8)
    one, three = rollout(classifier, picture), rollout(classifier, [picture] * 3, batch_size=2)
    [answer] = one
    assert answer.share.shape == (50, 81)
    assert answer.label in classifier.card.classes
    assert answer.share.mean() == pytest.approx(1, abs=0.2)
    for other in three:
        np.testing.assert_array_equal(other.share, answer.share)


def test_models_without_attention_are_told(classifier):
    exported = ExportedModel()
    exported.card = classifier.card
    with pytest.raises(ValueError, match='take occlusion'):
        check_rollout(exported)
    module = torch.nn.Module()
    module.backbone = torch.nn.Identity()
    with pytest.raises(ValueError, match='no rollout of Identity'):
        shares_of(module, 'classify', SPECKLE)
