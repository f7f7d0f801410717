"""Focal frequency loss against its authors' package and against Eq. 13-14."""

import numpy as np
import pytest
import torch
from focal_frequency_loss import FocalFrequencyLoss as Original
from mmengine.registry import MODELS

from usfm_mm.masking import pixel_mask
from usfm_mm.models.losses import FocalFrequencyLoss, focal_frequency_loss


def pair(shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    pred = torch.rand(shape, generator=generator, dtype=dtype).requires_grad_()
    return pred, torch.rand(shape, generator=generator, dtype=dtype)


@pytest.mark.parametrize('shape', [(2, 3, 32, 32), (3, 1, 33, 47), (1, 2, 48, 31), (2, 1, 16, 64)])
@pytest.mark.parametrize('alpha', [1.0, 0.5, 2.0])
def test_equals_original_in_value_and_gradient(shape, alpha):
    pred, target = pair(shape)
    ours = FocalFrequencyLoss(alpha)(pred, target)
    (gradient,) = torch.autograd.grad(ours, pred)
    theirs = Original(loss_weight=1.0, alpha=alpha)(pred, target)
    (their_gradient,) = torch.autograd.grad(theirs, pred)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=0)
    torch.testing.assert_close(gradient, their_gradient, rtol=1e-10, atol=1e-15)


def test_equals_the_equations():
    pred, target = (tensor.detach().numpy() for tensor in pair((2, 1, 12, 9)))
    expected = []
    for a, b in zip(pred[:, 0], target[:, 0], strict=True):
        difference = np.fft.fft2(a) - np.fft.fft2(b)
        magnitude = abs(difference) / np.sqrt(12 * 9)  # orthonormal
        expected.append((magnitude / magnitude.max() * magnitude**2).mean())
    ours = focal_frequency_loss(torch.from_numpy(pred), torch.from_numpy(target))
    np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-12)


def test_equal_images_give_zero_and_finite_gradient():
    pred, _ = pair((2, 1, 16, 16))
    loss = FocalFrequencyLoss()(pred, pred.detach().clone())
    loss.backward()
    assert loss.item() == 0
    assert (pred.grad == 0).all()


def test_bf16_input_is_computed_in_float32():
    pred, target = pair((2, 1, 32, 32), dtype=torch.float32)
    with torch.autocast('cpu', torch.bfloat16):
        loss = FocalFrequencyLoss()(pred.bfloat16(), target)
    assert loss.dtype == torch.float32
    exact = FocalFrequencyLoss()(pred.bfloat16().float(), target)
    torch.testing.assert_close(loss, exact, rtol=1e-6, atol=0)


def test_weights_act_on_the_difference():
    pred, target = pair((2, 3, 16, 24))
    mask = torch.rand(2, 1, 16, 24) < 0.5
    loss = FocalFrequencyLoss(loss_weight=2.5)
    covered = torch.where(mask, pred, target)  # equal outside
    torch.testing.assert_close(
        loss(pred, target, mask), 2.5 * FocalFrequencyLoss()(covered, target)
    )
    torch.testing.assert_close(loss(pred, target, weight=mask.double()), loss(pred, target, mask))
    assert loss(pred, target, torch.zeros_like(mask)) == 0


def test_fits_the_slot_of_a_loss():
    settings = dict(type='usfm_mm.FocalFrequencyLoss', alpha=0.5, loss_weight=0.4)
    module = MODELS.build(dict(type='mmpretrain.SimMIMHead', patch_size=4, loss=settings))
    pred, target = (tensor.float() for tensor in pair((2, 3, 16, 24)))
    mask = torch.rand(2, 4, 6) < 0.5
    pixels = pixel_mask(target, mask).float()
    expected = 0.4 * focal_frequency_loss(pred * pixels, target * pixels, 0.5).mean()
    torch.testing.assert_close(module.loss(pred, target, mask), expected)


def test_wrong_shapes():
    with pytest.raises(ValueError, match='one shape'):
        focal_frequency_loss(torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 9))
    with pytest.raises(ValueError, match='B, C, H, W'):
        focal_frequency_loss(torch.zeros(1, 8, 8), torch.zeros(1, 8, 8))
