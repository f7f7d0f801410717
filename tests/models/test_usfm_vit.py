"""The encoder against mmpretrain's BEiT, at its own size and at others."""

import pytest
import torch
from mmpretrain.models import BEiTViT

from usfm_mm.models import SimMIMViT, USFMViT
from usfm_mm.models.rel_pos_bias import resize_relative_position_bias

ARCH = dict(embed_dims=48, num_layers=3, num_heads=3, feedforward_channels=96)


def randomised(model, seed=0):
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.data.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    model.eval()
    return model


def pair(in_channels=3, per_block=False, **kwargs):
    """Stock BEiT and ours, with the same weights, in float64."""
    common = dict(arch=ARCH, img_size=(64, 48), in_channels=in_channels, **kwargs)
    ours = randomised(USFMViT(use_rel_pos_bias=per_block, **common)).double()
    stock = BEiTViT(
        use_rel_pos_bias=per_block, use_shared_rel_pos_bias=not per_block, **common
    ).double()
    assert stock.state_dict().keys() == ours.state_dict().keys()
    stock.load_state_dict(ours.state_dict())
    stock.eval()
    return stock, ours


def images(height=64, width=48, channels=3, batch=2):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(batch, channels, height, width, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize('fused', [False, True])
@pytest.mark.parametrize('per_block', [False, True])
@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('out_type', ['avg_featmap', 'featmap', 'cls_token', 'raw'])
def test_equals_stock_beit(fused, per_block, channels, out_type):
    settings = dict(out_type=out_type, final_norm=True, out_indices=[0, 1, 2])
    stock, ours = pair(channels, per_block, **settings)
    for layer in ours.layers:
        layer.fused_attention = fused
    x = images(channels=channels)
    for a, b in zip(ours(x), stock(x), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize('fused', [False, True])
def test_gradients_equal_stock_beit(fused):
    stock, ours = pair()
    for layer in ours.layers:
        layer.fused_attention = fused
    for model in (stock, ours):
        model(images())[0].square().sum().backward()
    for (name, a), (_, b) in zip(ours.named_parameters(), stock.named_parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-8, atol=1e-8, msg=name)


@pytest.mark.parametrize('size', [(96, 48), (32, 112), (64, 48), (16, 16)])
@pytest.mark.parametrize('per_block', [False, True])
def test_other_sizes_equal_a_model_built_for_them(size, per_block):
    _, ours = pair(per_block=per_block)
    built = USFMViT(arch=ARCH, img_size=size, use_rel_pos_bias=per_block).double()
    state = {key: v for key, v in ours.state_dict().items() if not key.endswith('_index')}
    grid = (size[0] // 16, size[1] // 16)
    for key in state:
        if key.endswith('bias_table'):
            state[key] = resize_relative_position_bias(state[key], (4, 3), grid)
    assert not built.load_state_dict(state, strict=False).unexpected_keys
    built.eval()
    x = images(*size)
    with torch.no_grad():
        expected = built(x)[0]
        torch.testing.assert_close(ours(x)[0], expected, rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(ours(x)[0], expected, rtol=1e-10, atol=1e-10)
    assert ours(x)[0].requires_grad


def test_bias_follows_the_table():
    _, ours = pair()
    x = images(96, 48)
    with torch.no_grad():
        before = ours(x)[0]
        ours.rel_pos_bias.relative_position_bias_table.mul_(2)
        after = ours(x)[0]
        assert not torch.allclose(before, after)
        ours.rel_pos_bias.relative_position_bias_table.div_(2)
        torch.testing.assert_close(ours(x)[0], before)


def test_a_checkpoint_of_another_size_is_resized_on_loading():
    _, ours = pair()
    larger = USFMViT(arch=ARCH, img_size=(96, 48)).double()
    larger.load_state_dict(ours.state_dict())
    larger.eval()
    x = images(96, 48)
    torch.testing.assert_close(larger(x)[0], ours(x)[0], rtol=1e-10, atol=1e-10)


def test_frozen_stays_in_eval_mode_without_gradient():
    model = USFMViT(arch=ARCH, img_size=32, frozen=True, drop_path_rate=0.5)
    host = torch.nn.Sequential(model).train()
    assert not any(module.training for module in model.modules())
    assert not any(parameter.requires_grad for parameter in model.parameters())
    x = torch.randn(2, 3, 32, 32, requires_grad=True)
    first, second = host(x)[0], host(x)[0]
    assert not first.requires_grad
    assert torch.equal(first, second)


def test_checkpointing_gives_the_same_gradients():
    torch.manual_seed(0)
    plain = USFMViT(arch=ARCH, img_size=32)
    recomputed = USFMViT(arch=ARCH, img_size=32, with_cp=True)
    recomputed.load_state_dict(plain.state_dict())
    x = torch.randn(2, 3, 32, 32)
    for model in (plain, recomputed):
        model.train()
        model(x)[0].sum().backward()
    for a, b in zip(plain.parameters(), recomputed.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)


def test_stochastic_depth_keeps_the_mean_and_drops_whole_branches():
    model = USFMViT(
        arch=dict(ARCH, num_layers=2), img_size=16, drop_path_rate=0.4, layer_scale_init_value=1
    )
    block = randomised(model).layers[1]
    x = torch.randn(1, 2, 48).expand(4000, 2, 48)
    with torch.no_grad():
        branch = block.attn(block.ln1(x[:1]))
        block.train()
        torch.manual_seed(0)
        added = block._add(x, block.gamma_1, branch.expand_as(x)) - x
        full = block.gamma_1 * branch / 0.6
    dropped = added.flatten(1).eq(0).all(dim=1)
    torch.testing.assert_close(added[~dropped], full.expand(int((~dropped).sum()), -1, -1))
    assert abs(dropped.double().mean().item() - 0.4) < 0.03  # 4 standard errors


@pytest.mark.parametrize('arch', ['tiny', 'small', 'base', 'large', 'huge'])
def test_archs_have_the_published_number_of_parameters(arch):
    with torch.device('meta'):
        model = USFMViT(arch=arch, out_type='featmap')
    millions = sum(p.numel() for p in model.parameters()) / 1e6
    # ViT-Ti/S/B/L/H of Dosovitskiy et al. and DeiT, without head, to 2 %.
    expected = dict(tiny=5.5, small=21.7, base=85.8, large=303.3, huge=630.8)[arch]
    assert millions == pytest.approx(expected, rel=0.02)


def test_layer_depths():
    model = SimMIMViT(arch=ARCH, img_size=32, use_abs_pos_emb=True, out_type='avg_featmap')
    depth = {
        name: model.get_layer_depth(f'b.{name}', 'b.')[0] for name, _ in model.named_parameters()
    }
    assert depth['cls_token'] == depth['patch_embed.projection.weight'] == 0
    assert depth['rel_pos_bias.relative_position_bias_table'] == 0
    assert depth['pos_embed'] == depth['mask_token'] == 0
    assert depth['layers.2.attn.qkv.weight'] == 3
    assert depth['ln2.weight'] == 4
    assert model.get_layer_depth('head.fc.weight', 'b.') == (4, 5)


@pytest.mark.parametrize('size', [(60, 64), (137, 128), (9, 9), (16, 33)])
def test_images_of_any_size_are_resized_to_the_patch(size):
    model = randomised(USFMViT(arch=ARCH, img_size=64, out_type='featmap'))
    x = torch.randn(2, 3, *size)
    grid = [-(-side // 16) for side in size]
    fitted = torch.nn.functional.interpolate(x, [16 * side for side in grid], mode='bilinear')
    (out,) = model(x)
    assert list(out.shape[-2:]) == grid
    torch.testing.assert_close(out, model(fitted)[0])


def test_a_point_of_the_image_stays_at_its_share_of_the_map():
    """Resizing the map to the image, as heads do, puts it back: padding would shift it."""
    model = USFMViT(arch=ARCH, img_size=160, out_type='featmap', out_indices=[0])
    model.init_weights()
    x = torch.zeros(1, 3, 150, 150)
    x[..., 120:136, :] = 8
    change = (model(x)[0] - model(torch.zeros_like(x))[0]).norm(dim=1)[0]
    weight = change.mean(1) - change.mean(1).min()
    centre = ((torch.arange(10) + 0.5) * 15 * weight).sum() / weight.sum()
    assert centre.item() == pytest.approx(128, abs=4)


@pytest.mark.parametrize('shape', [(1, 1, 64, 64), (3, 64, 64)])
def test_wrong_images(shape):
    with pytest.raises(ValueError, match='in_channels=3'):
        USFMViT(arch=ARCH, img_size=64)(torch.zeros(shape))


def test_wrong_arguments():
    with pytest.raises(ValueError, match="'tiny', 'small'"):
        USFMViT(arch='gigantic')
    model = USFMViT(arch=ARCH, img_size=32, init_cfg=dict(type='Xavier', layer='Linear'))
    with pytest.raises(ValueError, match='Pretrained'):
        model.init_weights()


def test_mask_token_replaces_masked_patches_only():
    model = randomised(SimMIMViT(arch=ARCH, img_size=32, out_type='raw', in_channels=1))
    x = torch.randn(1, 1, 32, 32)
    mask = torch.tensor([[[1, 0], [0, 0]]])
    changed = x.clone()
    changed[..., :16, :16] += 1  # hidden by the mask
    torch.testing.assert_close(model(x, mask)[0], model(changed, mask)[0])
    assert not torch.allclose(model(x, mask)[0], model(x)[0])
    assert not torch.allclose(model(x)[0], model(changed)[0])
    torch.testing.assert_close(model(x, torch.zeros_like(mask))[0], model(x)[0])


@pytest.mark.gpu
def test_fused_attention_on_a_gpu_equals_cpu():
    _, ours = pair()
    x = images()
    expected = ours(x)[0]
    ours.float().cuda()
    torch.testing.assert_close(
        ours(x.float().cuda())[0].cpu().double(), expected, rtol=1e-4, atol=1e-4
    )
