"""Masks and normalisation of a batch."""

import numpy as np
import pytest
import torch

from usfm_mm.datasets.transforms import BandStopMask, DrawDualMask, SpatialMeanMask
from usfm_mm.masking import band_stop_mask, dual_mask, spatial_mean_mask
from usfm_mm.models import DualMaskDataPreprocessor

MEAN, STD = [50.0], [40.0]


def batch(channels=1, size=64, count=3):
    rng = np.random.default_rng(0)
    np.random.seed(0)
    draws = [DrawDualMask()(dict(img=np.zeros((size, size, channels)))) for _ in range(count)]
    return dict(
        inputs=torch.from_numpy(rng.integers(0, 256, (count, channels, size, size), np.uint8)),
        patch_mask=torch.from_numpy(np.stack([draw['patch_mask'] for draw in draws])),
        bands=torch.from_numpy(np.stack([draw['bands'] for draw in draws])),
        organ_id=torch.tensor([2, 0, 1]),
    )


@pytest.mark.parametrize(
    ('left_out', 'function'),
    [((), dual_mask), (('bands',), spatial_mean_mask), (('patch_mask',), band_stop_mask)],
)
def test_masks_what_was_drawn_and_normalises(left_out, function):
    data = batch()
    for key in left_out:
        del data[key]
    result = DualMaskDataPreprocessor(MEAN, STD)(data, True)
    images = data['inputs'].double() / 255
    draws = [data[key] for key in ('patch_mask', 'bands') if key in data]
    expected = (function(images, *draws) * 255 - MEAN[0]) / STD[0]
    torch.testing.assert_close(result['inputs'].double(), expected, atol=1e-5, rtol=0)
    target = (data['inputs'].double() - MEAN[0]) / STD[0]
    samples = result['data_samples']
    torch.testing.assert_close(samples['target'].double(), target, atol=1e-5, rtol=0)
    assert torch.equal(samples['organ_id'], data['organ_id'])


def test_nothing_drawn_nothing_masked():
    data = dict(inputs=batch()['inputs'])
    result = DualMaskDataPreprocessor(MEAN, STD)(data)
    assert torch.equal(result['inputs'], result['data_samples']['target'])


@pytest.mark.parametrize('channels', [1, 3])
def test_single_image_transforms_give_the_same_image(channels):
    """Band-stop, then mean fill: Eq. 8, since the protected centre keeps the image's mean."""
    data = batch(channels, count=2)
    preprocessor = DualMaskDataPreprocessor(MEAN * channels, STD * channels)
    batched = preprocessor.to_unit(preprocessor(dict(data))['inputs'])
    for i in range(2):
        results = dict(
            img=data['inputs'][i].permute(1, 2, 0).numpy(),
            patch_mask=data['patch_mask'][i].numpy(),
            bands=data['bands'][i].numpy(),
        )
        results = SpatialMeanMask()(BandStopMask()(results))
        single = torch.from_numpy(results['img']).permute(2, 0, 1) / 255
        torch.testing.assert_close(single, batched[i], atol=2e-5, rtol=0)


def test_bands_without_effect_are_warned_of_once(monkeypatch):
    messages = []
    monkeypatch.setattr(
        'usfm_mm.models.data_preprocessor.print_log', lambda message, **_: messages.append(message)
    )
    preprocessor = DualMaskDataPreprocessor(MEAN, STD)
    preprocessor(batch(size=224))
    preprocessor(dict(batch(size=64), bands=torch.ones(3, 5, dtype=torch.bool)))  # five fit
    assert not messages
    for _ in range(2):
        preprocessor(batch(size=64))
    assert len(messages) == 1
    assert messages[0].startswith(
        'Images of 64x64 pixels have no frequencies in bands 5, 6 of 0 to 6 '
        '(edges (5, 10, 15, 22, 33, 49, 73, 109)): masking these changes nothing.'
    )


def test_to_unit_is_the_inverse():
    preprocessor = DualMaskDataPreprocessor([10.0, 20.0], [30.0, 40.0])
    images = torch.rand(2, 2, 8, 8)
    torch.testing.assert_close(preprocessor.to_unit(preprocessor.normalise(images)), images)


@pytest.mark.gpu
def test_gpu_equals_cpu():
    cpu = DualMaskDataPreprocessor(MEAN, STD)(batch(size=224))['inputs']
    gpu = DualMaskDataPreprocessor(MEAN, STD).cuda()(batch(size=224))['inputs']
    assert gpu.is_cuda
    torch.testing.assert_close(gpu.cpu(), cpu, atol=1e-4, rtol=0)


def test_wrong_input():
    with pytest.raises(ValueError, match='std above 0'):
        DualMaskDataPreprocessor([0.0], [0.0])
    with pytest.raises(ValueError, match='PackUltrasound'):
        DualMaskDataPreprocessor(MEAN, STD)(dict(inputs=[torch.zeros(1, 8, 8)]))
    with pytest.raises(ValueError, match='1 channels, but mean and std'):
        DualMaskDataPreprocessor(MEAN * 3, STD * 3)(batch())
