"""Losses and predictions of the pre-training algorithm against the equations."""

import copy

import pytest
import torch
from mmengine.registry import MODELS

from usfm_mm.evaluation import ReconstructionMetric
from usfm_mm.models.losses import focal_frequency_loss

BACKBONE = dict(
    type='usfm_mm.USFMViT',
    arch=dict(embed_dims=48, num_layers=2, num_heads=3, feedforward_channels=96),
    img_size=64,
    in_channels=1,
    out_type='featmap',
    final_norm=True,
)


def build(channels=1, **kwargs):
    torch.manual_seed(0)
    preprocessor = dict(
        type='usfm_mm.DualMaskDataPreprocessor', mean=[50.0] * channels, std=[40.0] * channels
    )
    config = dict(
        type='usfm_mm.USFMPretrainer',
        backbone=dict(BACKBONE, in_channels=channels),
        data_preprocessor=preprocessor,
        **kwargs,
    )
    return MODELS.build(config)


def batch(model, channels=1, count=3):
    generator = torch.Generator().manual_seed(0)
    shape = (count, channels, 64, 64)
    patch_mask = torch.zeros(count, 2, 2, dtype=torch.bool)
    patch_mask[:, 0, 1] = True
    patch_mask[0, 1, 0] = True
    data = dict(
        inputs=torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8),
        patch_mask=patch_mask,
        bands=torch.rand(count, 7, generator=generator) < 0.3,
    )
    return model.data_preprocessor(data, True)


@pytest.mark.parametrize('channels', [1, 3])
def test_loss_is_eq_11(channels):
    model = build(channels)
    data = batch(model, channels)
    losses = model(**data, mode='loss')
    pred, target = model(data['inputs']).double(), data['data_samples']['target'].double()
    assert pred.shape == (3, channels, 64, 64)
    torch.testing.assert_close(losses['loss_pixel'].double(), (pred - target).abs().mean())
    frequency = focal_frequency_loss(pred, target).mean()
    torch.testing.assert_close(losses['loss_frequency'].double(), 0.4 * frequency)


def test_masked_scope_is_simmims():
    model = build(3, scope='masked')
    data = batch(model, 3)
    loss = model(**data, mode='loss')['loss_pixel']
    error = (model(data['inputs']) - data['data_samples']['target']).abs()
    mask = data['data_samples']['patch_mask'].repeat_interleave(32, 1).repeat_interleave(32, 2)
    expected = torch.stack([error[:, c][mask] for c in range(3)]).mean()
    torch.testing.assert_close(loss, expected)


def test_nothing_masked_counts_whole():
    """A ratio of 0, or one image of several without a masked patch: no NaN, and no zero."""
    model = build(scope='masked')
    data = batch(model)
    mask = data['data_samples']['patch_mask']
    mask[1] = False
    rows = model(**data, mode='predict')
    assert rows[1]['masked'] == pytest.approx(rows[1]['pixel'])
    assert rows[0]['masked'] != pytest.approx(rows[0]['pixel'], rel=1e-3)
    mask[:] = False
    assert all(
        row['masked'] == pytest.approx(row['pixel']) for row in model(**data, mode='predict')
    )
    losses = model(**data, mode='loss')
    expected = (model(data['inputs']) - data['data_samples']['target']).abs().mean()
    torch.testing.assert_close(losses['loss_pixel'], expected)


def test_without_frequency_loss():
    model = build(frequency_weight=0.0)
    assert model(**batch(model), mode='loss').keys() == {'loss_pixel'}


def test_the_decoder_puts_each_token_on_its_patch():
    model = build()
    x = batch(model)['inputs']
    feature = model.extract_feat(x)[0]
    pixels = torch.einsum('od,bdhw->bohw', model.decoder[0].weight[..., 0, 0], feature)
    pixels = pixels + model.decoder[0].bias[:, None, None]
    row, column = 1, 2
    patch = pixels[:, :, row, column].reshape(-1, 16, 16)
    y, x0 = 16 * row, 16 * column
    torch.testing.assert_close(model(x)[:, 0, y : y + 16, x0 : x0 + 16], patch)


def test_predictions_average_to_the_losses():
    model = build()
    data = batch(model)
    metric = ReconstructionMetric()
    metric.process({}, model(**data, mode='predict'))
    means = metric.compute_metrics(metric.results)
    losses = model(**data, mode='loss')
    total = losses['loss_pixel'] + losses['loss_frequency']
    assert means['total'] == pytest.approx(total.item(), rel=1e-5)
    assert means['pixel'] == pytest.approx(losses['loss_pixel'].item(), rel=1e-5)
    error = (model(data['inputs']) - data['data_samples']['target']).abs()[:, 0]
    mask = data['data_samples']['patch_mask'].repeat_interleave(32, 1).repeat_interleave(32, 2)
    per_image = [error[i][mask[i]].mean().item() for i in range(3)]
    assert means['masked'] == pytest.approx(sum(per_image) / 3, rel=1e-5)


def test_checkpointed_and_plain_training_step_agree():
    plain = build()
    other = copy.deepcopy(plain)
    other.backbone.with_cp = True
    for model in (plain, other):
        data = batch(model)
        sum(model(**data, mode='loss').values()).backward()
    for a, b in zip(plain.parameters(), other.parameters(), strict=True):
        if a.grad is not None:
            torch.testing.assert_close(a.grad, b.grad)


def test_wrong_arguments():
    with pytest.raises(ValueError, match='scope'):
        build(scope='none')
    model = build(scope='masked')
    data = batch(model)
    del data['data_samples']['patch_mask']
    with pytest.raises(ValueError, match='DrawDualMask'):
        model(**data, mode='loss')
