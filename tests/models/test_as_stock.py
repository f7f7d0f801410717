"""What stock ``BEiTViT`` accepts, and what other tools hang onto its modules, works with ours."""

from importlib.util import find_spec

import pytest
import torch
from mmengine.registry import DefaultScope
from mmpretrain.models import BEiTViT
from torch import nn

from usfm_mm.compat import find_mmseg_configs, import_mmseg, quiet_imports
from usfm_mm.models import SimMIMViT, USFMPretrainer, USFMViT

ARCH = dict(embed_dims=48, num_layers=3, num_heads=3, feedforward_channels=96)


def images(size=64, batch=2):
    return torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(0))


def randomised(model):
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.data.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    model.eval()
    return model


def assert_as_stock(shared=True, **options):
    common = dict(arch=ARCH, img_size=64, out_type='featmap', **options)
    ours = randomised(USFMViT(use_rel_pos_bias=not shared, **common))
    stock = BEiTViT(use_rel_pos_bias=not shared, use_shared_rel_pos_bias=shared, **common)
    stock.load_state_dict(ours.state_dict())
    stock.eval()
    torch.testing.assert_close(ours(images())[0], stock(images())[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    'options',
    [
        dict(patch_size=(16, 16)),
        dict(patch_size=32),
        dict(layer_cfgs=dict(num_fcs=3)),
        dict(layer_cfgs=dict(ffn_cfg=dict(add_identity=True))),
        dict(layer_cfgs=dict(ffn_cfg=dict(feedforward_channels=32, add_identity=False))),
        dict(layer_cfgs=dict(ffn_cfg=dict(act_cfg=dict(type='ReLU')))),
        dict(layer_cfgs=[dict(act_cfg=dict(type='ReLU')), {}, dict(bias=True)]),
        dict(layer_cfgs=dict(attn_cfg=dict(qk_scale=0.3))),
        dict(layer_cfgs=[dict(use_rel_pos_bias=True), {}, {}]),  # besides the shared table
        dict(bias=True),
        dict(bias=False),
        dict(use_abs_pos_emb=True),
        dict(norm_cfg=dict(type='LN', eps=0.1)),
    ],
    ids=str,
)
@pytest.mark.parametrize('shared', [True, False])
def test_arguments(options, shared):
    assert_as_stock(shared, **options)


def test_stochastic_depth_in_the_ffn_is_only_what_is_asked_for():
    drop = dict(type='DropPath', drop_prob=0.9)
    model = USFMViT(ARCH, 64, layer_cfgs=dict(ffn_cfg=dict(dropout_layer=drop, add_identity=False)))
    torch.manual_seed(0)
    x = torch.randn(400, 1, 48)
    dropped = model.layers[0].train().ffn(x).flatten(1).eq(0).all(1)
    assert 0.8 < dropped.float().mean() < 0.98
    plain = USFMViT(ARCH, 64, drop_path_rate=0.9).layers[2].train()
    assert not plain.ffn(x).flatten(1).eq(0).all(1).any()


@pytest.mark.parametrize(
    ('name', 'dims', 'depth'),
    [('t', 192, 12), ('S', 384, 12), ('b', 768, 12), ('l', 1024, 24), ('deit-s', 384, 12)],
)
def test_short_names_of_archs(name, dims, depth):
    with torch.device('meta'):
        model = USFMViT(name, out_type='featmap')
    assert (model.embed_dims, model.num_layers) == (dims, depth)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(out_indices=3), 'blocks of 0 to 2'),
        (dict(out_indices=[0, -4]), 'blocks of 0 to 2'),
        (dict(out_indices=[2, -1]), 'each once'),
        (dict(frozen_stages=4), '3 blocks'),
        (dict(patch_size=(16, 8)), 'square'),
        (dict(output_cls_token=True), "out_type='featmap'"),
    ],
)
def test_what_is_not_there_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        USFMViT(ARCH, 64, **options)


def test_frozen_stages_leave_nothing_of_theirs_to_train():
    model = USFMViT(ARCH, 64, frozen_stages=3, drop_path_rate=0.5, final_norm=True)
    nn.Sequential(model).train()
    assert not [name for name, p in model.named_parameters() if p.requires_grad]
    assert torch.equal(model(images())[0], model(images())[0])  # no stochastic depth
    half = USFMViT(ARCH, 64, frozen_stages=2, drop_path_rate=0.5)
    half.train()
    moving = {name.split('.')[0] for name, p in half.named_parameters() if p.requires_grad}
    assert moving == {'layers', 'ln2'}
    assert [layer.training for layer in half.layers] == [False, False, True]


@pytest.mark.parametrize('part', ['attn', 'attn.qkv', 'attn.proj', 'ffn', 'drop_path', 'ln1'])
def test_hooks_fire_and_may_change_the_output(part):
    model = randomised(USFMViT(ARCH, 64))
    before, calls = model(images())[0], []
    for layer in model.layers:
        module = layer.get_submodule(part)
        module.register_forward_hook(lambda m, args, out: calls.append(m) or 0 * out)
    after = model(images())[0]
    assert len(calls) == 3 * (2 if part == 'drop_path' else 1)
    assert not torch.allclose(before, after)


def test_pruned_branches_are_left_out():
    model = randomised(USFMViT(ARCH, 64, out_type='raw'))
    for layer in model.layers:
        layer.drop_path.register_forward_hook(lambda m, args, out: 0 * out)
    tokens, _ = model.embed(images())
    expected = torch.cat((model.cls_token.expand(2, -1, -1), tokens), 1)
    assert torch.equal(model(images())[0], expected)


def test_an_adapter_may_replace_a_linear_layer():
    class Adapter(nn.Module):
        def __init__(self, linear):
            super().__init__()
            self.linear, self.up = linear, nn.Linear(linear.in_features, linear.out_features)

        def forward(self, x):
            return self.linear(x) + self.up(x)

    model = randomised(USFMViT(ARCH, 64))
    before = model(images())[0]
    for layer in model.layers:
        layer.attn.qkv = Adapter(layer.attn.qkv)
    out = model(images())[0]
    out.square().sum().backward()
    assert not torch.allclose(out, before)
    assert model.layers[1].attn.qkv.up.weight.grad.abs().sum() > 0


@pytest.mark.parametrize('with_index', [True, False])
@pytest.mark.parametrize('size', [64, 96])
def test_a_shared_table_is_copied_to_blocks_that_have_their_own(with_index, size):
    shared = randomised(USFMViT(ARCH, 64))
    host = nn.ModuleDict(dict(backbone=USFMViT(ARCH, size, use_rel_pos_bias=True)))
    state = {f'backbone.{key}': value for key, value in shared.state_dict().items()}
    if not with_index:
        state.pop('backbone.rel_pos_bias.relative_position_index')
    missing = host.load_state_dict(state, strict=with_index).missing_keys
    assert all(key.endswith('relative_position_index') for key in missing)
    blocks = host['backbone'].eval()
    torch.testing.assert_close(blocks(images(size))[0], shared(images(size))[0])


def test_pairs_of_map_and_class_token():
    settings = dict(out_type='featmap', out_indices=[0, 2], final_norm=True)
    model = randomised(USFMViT(ARCH, 64, output_cls_token=True, **settings))
    maps = USFMViT(ARCH, 64, **settings)
    tokens = USFMViT(ARCH, 64, **dict(settings, out_type='cls_token'))
    for other in (maps, tokens):
        other.load_state_dict(model.state_dict())
        other.eval()
    for (x, token), a, b in zip(model(images()), maps(images()), tokens(images()), strict=True):
        assert torch.equal(x, a)
        assert torch.equal(token, b)


@pytest.mark.skipif(find_spec('mmseg') is None, reason='mmseg is not installed')
def test_dpt_head_takes_them():
    quiet_imports()
    find_mmseg_configs()
    import_mmseg()
    from mmseg.models import DPTHead

    with DefaultScope.overwrite_default_scope('mmseg'):  # other tests leave theirs
        head = DPTHead(
            in_channels=[48] * 3 + [48], channels=16, embed_dims=48, num_classes=2,
            in_index=[0, 1, 2, 3], input_transform='multiple_select', readout_type='project',
            post_process_channels=[8, 8, 16, 16], norm_cfg=dict(type='BN'),
        )  # fmt: skip
    arch = dict(ARCH, num_layers=4)
    model = USFMViT(arch, 64, out_type='featmap', out_indices=[0, 1, 2, 3], output_cls_token=True)
    assert head(model(images())).shape == (2, 2, 32, 32)


def share_of(model, name):
    return torch.cat([p.flatten() for key, p in model.named_parameters() if name in key])


def test_initialisation_is_simmims():
    """Normal of std 0.02, of which what lies within one std is kept: its own std is 0.54 of it."""
    torch.manual_seed(0)
    model = SimMIMViT(arch=dict(ARCH, embed_dims=96, feedforward_channels=192), img_size=64)
    model.init_weights()
    for name in ('attn.qkv.weight', 'patch_embed.projection.weight', 'cls_token', 'mask_token'):
        values = share_of(model, name)
        assert values.abs().max() <= 0.02, name
        assert values.std().item() == pytest.approx(0.0108, rel=0.12), name
        assert abs(values.mean()) < 0.003, name
    assert not any(p.any() for key, p in model.named_parameters() if key.endswith('bias'))
    assert not share_of(model, 'bias_table').any()
    for depth, layer in enumerate(model.layers, start=1):
        for weight in (layer.attn.proj.weight, layer.ffn.layers[1].weight):
            expected = 0.0108 / (2 * depth) ** 0.5
            assert weight.std().item() == pytest.approx(expected, rel=0.06), depth
        assert layer.ffn.layers[0][0].weight.std().item() == pytest.approx(0.0108, rel=0.06)
        assert (layer.gamma_1 == 0.1).all()


def test_the_pretrainer_needs_whole_patches():
    model = USFMPretrainer(
        backbone=dict(type='usfm_mm.USFMViT', arch=ARCH, img_size=64, out_type='featmap'),
        data_preprocessor=dict(
            type='usfm_mm.DualMaskDataPreprocessor', mean=[50.0] * 3, std=[40.0] * 3
        ),
    )
    with pytest.raises(ValueError, match='60x60 pixels cannot be rebuilt of patches of 16'):
        model(images(60))
