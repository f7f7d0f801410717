"""The encoder's output follows its weights, whatever changed them; nothing of a forward is kept."""

import copy
import io
import pickle

import pytest
import torch
from mmengine.model import ExponentialMovingAverage
from torch.func import functional_call

from usfm_mm.masking import band_stop_mask
from usfm_mm.models import USFMViT

ARCH = dict(embed_dims=24, num_layers=2, num_heads=3, feedforward_channels=48)


def encoder(**options):
    torch.manual_seed(0)
    model = USFMViT(arch=ARCH, img_size=64, in_channels=1, **options)
    model.init_weights()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if 'relative_position_bias_table' in name:
                parameter.normal_()
    return model


def tables(model):
    return [p for name, p in model.named_parameters() if 'relative_position_bias_table' in name]


def output(model, images):
    model.eval()
    with torch.no_grad():
        return model(images)[0]


def fused_step(model):
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    if torch.__version__ >= '2.4':  # no fused optimizer on a CPU before
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, fused=True)
    model.train()
    model(torch.rand(2, 1, 64, 64))[0].square().sum().backward()
    optimizer.step()


def write_data(model):
    for table in tables(model):
        table.data.copy_(torch.randn_like(table))


def assign_data(model):
    for table in tables(model):
        table.data = torch.randn_like(table)


def lerp(model):
    for table in tables(model):
        table.data.lerp_(torch.ones_like(table), 0.5)


def to_half_and_back(model):
    for table in tables(model):
        table.data.mul_(1.0001)
    model.half().float()


def load(model):
    state = {name: value + 0.1 for name, value in model.state_dict().items()}
    model.load_state_dict(state)


@pytest.mark.parametrize('options', [{}, dict(use_rel_pos_bias=True)])
@pytest.mark.parametrize(
    'change', [fused_step, write_data, assign_data, lerp, to_half_and_back, load]
)
def test_output_is_that_of_a_fresh_model_with_the_weights(change, options):
    model, images = encoder(**options), torch.rand(2, 1, 64, 64)
    before = output(model, images)
    change(model)
    fresh = USFMViT(arch=ARCH, img_size=64, in_channels=1, **options)
    fresh.load_state_dict(model.state_dict())
    after = output(model, images)
    assert not torch.equal(after, before)
    torch.testing.assert_close(after, output(fresh, images), rtol=0, atol=0)


def test_an_averaged_model_uses_its_own_average():
    model, images = encoder(), torch.rand(2, 1, 64, 64)
    average = ExponentialMovingAverage(model, momentum=0.5)
    average.update_parameters(model)
    output(average.module, images)
    for _ in range(2):
        write_data(model)
        average.update_parameters(model)
        fresh = encoder()
        fresh.load_state_dict(average.module.state_dict())
        torch.testing.assert_close(output(average.module, images), output(fresh, images))


def test_training_after_inference_mode():
    model, images = encoder(), torch.rand(2, 1, 64, 64)
    model.eval()
    with torch.inference_mode():
        model(images)
    model.train()
    model(images)[0].sum().backward()
    assert tables(model)[0].grad.abs().sum() > 0


def test_nothing_is_kept_of_a_forward():
    model = encoder()
    before = {**vars(model)}
    size = len(pickle.dumps(model))
    for side in range(32, 32 + 17 * 16, 16):
        output(model, torch.rand(1, 1, side, side))
    parameters = {name: value.detach().clone() for name, value in model.named_parameters()}
    functional_call(model, parameters, (torch.rand(1, 1, 64, 64),))
    assert vars(model).keys() == before.keys()
    assert len(pickle.dumps(model)) == size


def test_copies_go_their_own_way():
    model, images = encoder(), torch.rand(2, 1, 64, 64)
    expected = output(model, images)
    other = copy.deepcopy(model)
    stored = io.BytesIO(pickle.dumps(model))
    write_data(model)
    torch.testing.assert_close(output(other, images), expected, rtol=0, atol=0)
    torch.testing.assert_close(output(pickle.load(stored), images), expected, rtol=0, atol=0)


@pytest.mark.skipif(torch.__version__ < '2.4', reason='torch.export cannot trace so much yet')
def test_masks_after_an_export_are_tensors():
    class Mask(torch.nn.Module):
        def forward(self, images, bands):
            return band_stop_mask(images, bands)

    images, bands = torch.rand(1, 1, 48, 48), torch.zeros(1, 7, dtype=torch.bool)
    bands[0, 1] = True
    expected = band_stop_mask(images, bands)
    exported = torch.export.export(Mask(), (images, bands))
    torch.testing.assert_close(band_stop_mask(images, bands), expected)
    torch.testing.assert_close(exported.module()(images, bands), expected)
