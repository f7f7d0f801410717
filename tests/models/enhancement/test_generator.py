"""CycleGAN's generator with a frozen USFM: function, freezing, sharing, checkpoints."""

import copy
import gc
import weakref
from importlib.util import find_spec

import pytest
import torch
import torch.nn.functional as F
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, DefaultScope
from mmengine.runner.checkpoint import get_state_dict

from support.tiny_cyclegan import tiny_cyclegan
from usfm_mm.compat import import_mmagic
from usfm_mm.models import USFMResnetGenerator, USFMViT
from usfm_mm.models.enhancement.frozen_extractor import FrozenExtractor

if find_spec('mmagic') is None:
    pytest.skip('mmagic is not installed', allow_module_level=True)

ARCH = dict(embed_dims=48, num_layers=3, num_heads=3, feedforward_channels=96)


def backbone(**kwargs):
    return dict(type='usfm_mm.USFMViT', arch=ARCH, img_size=32, **kwargs)


@pytest.fixture
def weights(tmp_path):
    """Files of two trained extractors, one grey and one of three channels."""
    files = {}
    for channels in (1, 3):
        torch.manual_seed(channels)
        encoder = USFMViT(ARCH, img_size=32, in_channels=channels)
        encoder.init_weights()
        for parameter in encoder.parameters():
            parameter.data.add_(0.1 * torch.randn_like(parameter))
        files[channels] = str(tmp_path / f'{channels}.pth')
        torch.save(encoder.state_dict(), files[channels])
    return files


def generator(file, seed=0, channels=1, images=3, **kwargs):
    torch.manual_seed(seed)
    mean = [0.45 * 255] * channels
    settings = dict(base_channels=4, num_blocks=1, mean=mean, std=[50.0], out_channels=images)
    settings.update(kwargs)
    indices = settings.pop('out_indices', [0, 2])
    encoder = backbone(
        in_channels=channels,
        out_indices=indices,
        init_cfg=dict(type='Pretrained', checkpoint=file),
    )
    model = USFMResnetGenerator(encoder, in_channels=images, **settings)
    model.init_weights()
    return model


def cyclegan(file, seed=0, **kwargs):
    """Stock CycleGAN with two of our generators."""
    encoder = backbone(in_channels=1, init_cfg=dict(type='Pretrained', checkpoint=file))
    torch.manual_seed(seed)
    with DefaultScope.overwrite_default_scope('mmagic'):
        model = MODELS.build(tiny_cyclegan(encoder, 3, 0.02, **kwargs))
    model.init_weights()
    return model


def batch(model):
    """Two pairs, as mmagic packs them."""
    from mmagic.structures import DataSample

    rows = torch.Generator().manual_seed(0)
    inputs, samples = [], []
    for _ in range(2):
        pair = torch.randint(0, 256, (2, 1, 32, 32), generator=rows, dtype=torch.uint8)
        pair = pair.expand(-1, 3, -1, -1).contiguous()
        inputs.append(dict(img_A=pair[0], img_B=pair[1]))
        sample = DataSample()
        sample.set_tensor_data(dict(img_A=pair[0], img_B=pair[1]))
        samples.append(sample)
    return dict(inputs=inputs, data_samples=samples)


def optimizers(model):
    settings = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=2e-4, betas=(0.5, 0.999)))
    config = dict(
        constructor='MultiOptimWrapperConstructor', generators=settings, discriminators=settings
    )
    with DefaultScope.overwrite_default_scope('mmagic'):
        return build_optim_wrapper(model, config)


def test_defaults_are_stock(weights):
    """Its layers are as many and as wide as mmagic's own; mean and std are ImageNet's."""
    import_mmagic()
    from mmagic.models.editors.cyclegan import ResnetGenerator

    init_cfg = dict(type='Pretrained', checkpoint=weights[3])
    ours = USFMResnetGenerator(backbone(init_cfg=init_cfg), in_channels=3, out_channels=3)
    stock = ResnetGenerator(3, 3)
    for (name, value), (other, expected) in zip(
        ours.model.state_dict().items(), stock.model.state_dict().items(), strict=True
    ):
        assert (name, value.shape) == (other, expected.shape)
    assert ours._mean.flatten().tolist() == pytest.approx([123.675, 116.28, 103.53])
    assert ours._std.flatten().tolist() == pytest.approx([58.395, 57.12, 57.375])


@pytest.mark.parametrize(('channels', 'images'), [(1, 1), (1, 3), (3, 1), (3, 3)])
def test_equals_the_parts_it_is_made_of(weights, channels, images):
    model = generator(weights[channels], channels=channels, images=images).double()
    x = torch.rand(2, images, 40, 52, dtype=torch.float64) * 2 - 1
    encoder = USFMViT(
        ARCH, img_size=32, in_channels=channels, out_indices=[0, 2], out_type='featmap'
    )
    encoder.load_state_dict(torch.load(weights[channels]), strict=False)  # no ln2
    encoder.double().eval()
    grey = (x + 1) / 2 * 255
    if channels < images:
        grey = grey.mean(1, keepdim=True)
    seen = (grey.expand(-1, channels, -1, -1) - 0.45 * 255) / 50
    seen = F.interpolate(seen, (48, 64), mode='bilinear')  # multiples of the patch
    encoded = model.model[:3](x)
    joined = [encoded]
    for features in encoder(seen):
        mean, var = features.mean(1, keepdim=True), features.var(1, keepdim=True, unbiased=False)
        scaled = (features - mean) / (var + 1e-5).sqrt()
        joined.append(F.interpolate(scaled, (10, 13), mode='bilinear'))
    weight, bias = model.fuse.conv.weight[..., 0, 0], model.fuse.conv.bias
    fused = torch.einsum('oc,bchw->bohw', weight, torch.cat(joined, 1))
    if bias is not None:
        fused = fused + bias[:, None, None]
    fused = F.relu(F.instance_norm(fused))
    torch.testing.assert_close(model(x), model.model[3:](fused), rtol=1e-9, atol=1e-9)


def test_other_layers_are_the_stock_ones(weights):
    import_mmagic()
    from mmagic.models.editors.cyclegan import ResnetGenerator

    stock = ResnetGenerator(3, 3, base_channels=4, num_blocks=1)
    model = generator(weights[1])
    names = {k for k in model.state_dict() if not k.startswith(('fuse', 'extractor'))}
    assert names == set(stock.state_dict())
    model.load_state_dict(stock.state_dict(), strict=False)
    torch.testing.assert_close(
        model.model(torch.ones(1, 3, 16, 16)), stock(torch.ones(1, 3, 16, 16))
    )


@pytest.mark.parametrize('indices', [-1, [1], [0, 1, 2], [-1, 0]])
def test_any_layers_may_be_chosen(weights, indices):
    model = generator(weights[1], out_indices=indices)
    count = 1 if isinstance(indices, int) else len(indices)
    assert model.extractor.channels == 48 * count
    assert model.extract(torch.zeros(1, 3, 32, 32), (5, 7)).shape == (1, 48 * count, 5, 7)
    assert model(torch.zeros(1, 3, 32, 32)).shape == (1, 3, 32, 32)


def test_features_change_the_image_but_carry_no_gradient(weights):
    model = generator(weights[1])
    x = (torch.rand(1, 3, 32, 32) * 2 - 1).requires_grad_()
    y = model(x)
    blind = model.extract
    fixed = model.extract(x.detach(), (8, 8))
    model.extract = lambda x, size: fixed  # the same features, from nowhere
    (through,) = torch.autograd.grad(y.sum(), x)
    (without,) = torch.autograd.grad(model(x).sum(), x)
    torch.testing.assert_close(through, without)
    model.extract = lambda x, size: torch.zeros_like(fixed)
    assert not torch.allclose(model(x), y)
    model.extract = blind


def test_a_training_step_leaves_the_extractor_alone(weights):
    model = cyclegan(weights[1])
    a, b = model.generators['A'], model.generators['B']
    encoder = a.extractor.encoder
    assert a.extractor is b.extractor
    optim_wrapper = optimizers(model)
    known = {
        id(p)
        for wrapper in optim_wrapper.values()
        for group in wrapper.optimizer.param_groups
        for p in group['params']
    }
    assert not known & {id(p) for p in encoder.parameters()}
    assert known == {id(p) for p in model.parameters()}
    before = copy.deepcopy(encoder.state_dict())
    moving = {k: p.detach().clone() for k, p in model.named_parameters()}
    model.train()
    from mmengine import MessageHub

    MessageHub.get_current_instance().update_info('iter', 0)
    for _ in range(2):
        log = model.train_step(batch(model), optim_wrapper)
    assert {'loss_gan_d_A', 'loss_gan_g_B', 'cycle_loss', 'id_loss'} <= set(log)
    for name, value in encoder.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert all(p.grad is None and not p.requires_grad for p in encoder.parameters())
    # A bias that instance normalisation takes out again has a gradient of rounding errors only.
    still = [k for k, p in model.named_parameters() if p.equal(moving[k]) and 'weight' in k]
    assert not still


def test_stays_in_eval_mode_through_a_test(weights):
    model = cyclegan(weights[1])
    model.eval()
    assert not any(m.training for m in model.modules())
    (first, _) = model.test_step(batch(model))
    assert model.training  # CycleGAN.forward_test has called train()
    assert not any(m.training for m in model.generators['A'].extractor.encoder.modules())
    assert first.fake_B.shape == (3, 32, 32)


def in_memory(shape):
    """Addresses of all tensors of a shape.

    An exporter that ran before in this process leaves fake tensors behind, which have no memory.
    """
    gc.collect()
    real = (torch.Tensor, torch.nn.Parameter)
    return {
        t.data_ptr()
        for t in gc.get_objects()
        if type(t) in real and t.shape == shape and t.dtype == torch.float32
    }


def test_one_extractor_in_memory(weights):
    others = in_memory((48, 1, 16, 16))  # of earlier tests
    model = cyclegan(weights[1])
    other = generator(weights[3], channels=3)
    encoder = model.generators['A'].extractor.encoder
    assert other.extractor is not model.generators['A'].extractor
    average = copy.deepcopy(model)
    assert average.generators['B'].extractor.encoder is encoder
    assert average.generators['B'].model[0].conv is not model.generators['B'].model[0].conv
    weight = encoder.patch_embed.projection.weight
    assert in_memory(weight.shape) - others == {weight.data_ptr()}
    del weight
    gone = weakref.ref(encoder)
    del encoder, model, average
    gc.collect()
    assert gone() is None


def test_moves_with_its_generators(weights):
    model = cyclegan(weights[1]).double()
    encoder = model.generators['A'].extractor.encoder
    assert {p.dtype for p in encoder.parameters()} == {torch.float64}
    assert model.generators['B'](torch.zeros(1, 3, 16, 16).double()).dtype == torch.float64


def test_initialisation_never_touches_it(weights):
    model = cyclegan(weights[1])
    wanted = torch.load(weights[1])
    for init in ('normal', 'xavier', 'kaiming'):
        for part in model.generators.values():
            part.init_type = init
        model.init_weights()
        state = model.generators['A'].extractor.encoder.state_dict()
        assert all(torch.equal(state[k], wanted[k]) for k in wanted if k in state)
    assert abs(generator(weights[1], base_channels=32).fuse.conv.weight.std() - 0.02) < 1e-3


def test_checkpoint_without_the_extractor_restores(weights):
    model = cyclegan(weights[1])
    state = get_state_dict(model)
    assert get_state_dict(model).keys() == model.state_dict().keys()
    assert {k for k in state if 'extractor' in k} == {
        f'generators.{d}.extractor_fingerprint' for d in 'AB'
    }
    restored = cyclegan(weights[1], seed=1)
    x = torch.rand(1, 3, 32, 32)
    assert not torch.equal(restored.generators['B'](x), model.generators['B'](x))
    assert not restored.load_state_dict(state).missing_keys  # strict
    assert torch.equal(restored.generators['B'](x), model.generators['B'](x))
    state['generators.A.extra'] = x
    with pytest.raises(RuntimeError, match='generators.A.extra'):
        restored.load_state_dict(state)
    del state['generators.A.extra'], state['generators.A.fuse.conv.weight']
    with pytest.raises(RuntimeError, match='Missing.*generators.A.fuse.conv.weight'):
        restored.load_state_dict(state)


def test_another_extractor_is_noticed(weights, tmp_path):
    state = generator(weights[1]).state_dict()
    other = torch.load(weights[1])
    other['layers.2.attn.v_bias'] *= 1.01
    torch.save(other, tmp_path / 'other.pth')
    model = generator(str(tmp_path / 'other.pth'))
    with pytest.raises(RuntimeError, match='another extractor.*init_cfg'):
        model.load_state_dict(state)
    deeper = generator(weights[3], channels=3, images=3)
    with pytest.raises(RuntimeError, match='another extractor'):
        deeper.load_state_dict(state)


def test_another_use_of_the_extractor_is_noticed(weights):
    model = generator(weights[1])
    state = model.state_dict()
    model.load_state_dict(state)
    other = generator(weights[1], mean=[100.0])
    with pytest.raises(RuntimeError, match='another mean, std or out_indices'):
        other.load_state_dict(state)
    model.extractor.encoder.out_indices[-1] -= 1
    with pytest.raises(RuntimeError, match='another mean, std or out_indices'):
        model.load_state_dict(state)


def test_checkpoint_with_the_extractor_needs_no_other_file(weights):
    model = generator(weights[1], save_extractor=True)
    state = model.state_dict()
    encoder = model.extractor.encoder
    assert {k for k in state if k.startswith('extractor.')} == {
        f'extractor.{k}' for k in encoder.state_dict()
    }
    x = torch.rand(1, 3, 32, 32)
    wanted = model(x)
    for saving in (True, False):
        torch.manual_seed(int(saving))
        fresh = USFMResnetGenerator(
            backbone(in_channels=1, out_indices=[0, 2]),
            3,
            3,
            base_channels=4,
            num_blocks=1,
            mean=[0.45 * 255],
            std=[50.0],
            save_extractor=saving,
        )
        assert not torch.equal(fresh(x), wanted)
        fresh.load_state_dict(state)
        assert torch.equal(fresh(x), wanted)
        assert torch.equal(fresh.extractor.fingerprint(), model.extractor.fingerprint())
    with pytest.raises(RuntimeError, match=r'layers\.0\.'):
        fresh.load_state_dict({k: v for k, v in state.items() if 'extractor.layers.0' not in k})


def test_a_checkpoint_of_the_generator_may_initialise_it(weights, tmp_path):
    torch.save(generator(weights[1], seed=3).state_dict(), tmp_path / 'generator.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'generator.pth'))
    model = generator(weights[1], init_cfg=init_cfg)
    assert torch.equal(model.fuse.conv.weight, generator(weights[1], seed=3).fuse.conv.weight)


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [(dict(frozen=False), 'frozen extractor.*frozen'), (dict(out_type='raw'), "'out_type': 'raw'")],
)
def test_extractor_must_be_one(wrong, message):
    with pytest.raises(ValueError, match=message):
        FrozenExtractor(backbone(**wrong))


def test_mean_must_fit_the_extractor(weights):
    with pytest.raises(ValueError, match=r'std=\[1.0, 2.0\] does not fit .* 1 channels'):
        generator(weights[1], std=[1.0, 2.0])


def test_missing_weights_are_named():
    with pytest.raises(FileNotFoundError, match='nowhere.pth'):
        generator('nowhere.pth')
