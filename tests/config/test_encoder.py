"""--encoder: another network in a config, with heads that follow it."""

import pytest
import torch
from mmengine.registry import MODELS as ROOT_MODELS
from mmengine.registry import DefaultScope

from support.command_line import load
from support.plain_vit import Vit
from support.released_layout import released_state_dict
from usfm_mm.compat import import_host, set_up_cpu
from usfm_mm.config.encoder import _choose

SEG, CLS, PROBE = 'usfm/seg_custom_upernet', 'usfm/cls_custom_linear', 'usfm/cls_custom_probe'
SMALL = ('--image-size', '64', '--arch', 'tiny')


def model_of(cfg):
    import_host(cfg)
    set_up_cpu(cfg)
    name = f'{cfg.filename}{id(cfg)}'
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        DefaultScope.get_instance(name, scope_name=cfg.default_scope)
        return ROOT_MODELS.build(cfg.model)


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp('encoders')
    torch.save(dict(model=Vit(blocks=12, mae=True).state_dict()), folder / 'mae.pth')
    torch.save(Vit(blocks=12, patch=14, scaled=True).state_dict(), folder / 'dinov2.pth')
    weights = {f'encoder.{key}': value for key, value in released_state_dict().items()}
    torch.save({'model': weights}, folder / 'simmim.pth')
    return folder


@pytest.mark.parametrize(
    ('name', 'widths', 'neck'),
    [
        ('mmpretrain/resnet18_8xb32_in1k', [64, 128, 256, 512], False),
        ('mmpretrain/swin-tiny_16xb64_in1k', [96, 192, 384, 768], False),
        ('mmpretrain/convnext-tiny_32xb128_in1k', [96, 192, 384, 768], False),
        ('mmpretrain/deit-tiny_4xb256_in1k', [192] * 4, True),
        ('timm/resnet18', [64, 128, 256, 512], False),
        ('timm/vit_tiny_patch16_224', [192] * 4, True),
    ],
)
def test_heads_follow_the_network(name, widths, neck):
    if name.startswith('timm'):
        pytest.importorskip('timm')
    cfg = load(SEG, '--encoder', name, *SMALL)
    assert cfg.model.decode_head.in_channels == widths
    assert cfg.model.auxiliary_head.in_channels == widths[2]
    assert bool(cfg.model.neck) == neck
    assert cfg.model.decode_head.channels == load(SEG, *SMALL).model.decode_head.channels
    model = model_of(cfg).eval()
    with torch.no_grad():
        maps = model.extract_feat(torch.zeros(1, 3, 64, 64))
        assert [feature.shape[-1] for feature in maps] == [16, 8, 4, 2]
        assert model.decode_head(maps).shape == (1, 2, 16, 16)
    cfg = load(PROBE, '--encoder', name, *SMALL)
    assert cfg.model.head.in_channels == widths[-1]
    assert not any(weight.requires_grad for weight in model_of(cfg).backbone.parameters())


@pytest.mark.parametrize(
    ('file', 'name', 'heads'),
    [('mae', 'vit', 1), ('mae', 'vit:6', 6), ('dinov2', 'vit:6', 6), ('simmim', 'vit', 3)],
)
def test_the_vit_of_a_file_as_the_file_says(files, file, name, heads):
    path = str(files / f'{file}.pth')
    options = ('--encoder', name, '--weights', path)
    cfg = load(SEG, '--image-size', '112', *options)
    network = cfg.model.backbone.network
    assert network.arch.num_heads == heads
    assert network.out_indices == [3, 5, 7, 11]
    assert network.drop_path_rate == 0.1
    assert (cfg.model.neck.embed_dim, cfg.model.decode_head.in_channels) == (48, [48] * 4)
    assert cfg.optim_wrapper.optimizer.lr == load(SEG).optim_wrapper.optimizer.lr
    assert cfg.optim_wrapper.paramwise_cfg.layer_decay_rate == 0.65


def test_the_vit_of_a_file_computes_what_its_authors_does(files):
    options = ('--encoder', 'vit:6', '--weights', str(files / 'mae.pth'))
    backbone = model_of(load(CLS, *options, '--image-size', '64')).backbone
    backbone.init_weights()
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    expected = Vit(blocks=12)(x)[:, 1:].mean(1)
    torch.testing.assert_close(backbone.eval()(x)[0], expected, rtol=1e-3, atol=1e-3)


def test_random_weights_learn_as_the_baselines_from_scratch():
    scratch = load('baselines/cls_vit_scratch').optim_wrapper
    cfg = load(CLS, '--encoder', 'mmpretrain/deit-tiny_4xb256_in1k', *SMALL)
    assert cfg.optim_wrapper.optimizer.lr == scratch.optimizer.lr
    assert cfg.optim_wrapper.paramwise_cfg.layer_decay_rate == 1.0
    assert cfg.model.backbone.init_cfg is None
    cfg = load(CLS, '--encoder', 'mmpretrain/deit-tiny_4xb256_in1k', *SMALL, '--lr', '0.5')
    assert cfg.optim_wrapper.optimizer.lr == 0.5
    cfg = load(PROBE, '--encoder', 'mmpretrain/deit-tiny_4xb256_in1k', *SMALL)
    assert cfg.optim_wrapper.optimizer.lr == load(PROBE).optim_wrapper.optimizer.lr


def test_normalisation_of_timm_comes_with_its_weights(tmp_path):
    timm = pytest.importorskip('timm')
    name = 'vit_tiny_patch16_224'  # its weights are of images from -1 to 1
    torch.save(timm.create_model(name).state_dict(), tmp_path / 'vit.pth')
    options = ('--encoder', f'timm/{name}', *SMALL)
    cfg = load(CLS, *options, '--weights', str(tmp_path / 'vit.pth'))
    assert cfg.data_preprocessor.mean == [127.5] * 3
    assert load(CLS, *options).data_preprocessor.mean == load(CLS).data_preprocessor.mean


@pytest.mark.parametrize(
    ('config', 'options', 'message'),
    [
        (SEG, ['resnet50'], "--encoder resnet50: give 'vit', 'mmpretrain/NAME' or 'timm/NAME'"),
        (SEG, ['mmpretrain/nothing'], 'mmpretrain has no such config; mmpretrain.list_models'),
        (SEG, ['mmpretrain/beit-base-p16_8xb128-coslr-100e_in1k'], 'which of mmpretrain/beit/'),
        (SEG, ['vit'], '--encoder vit is the ViT of a file: name it with --weights'),
        (SEG, ['mmpretrain/densenet121_4xb256_in1k'], 'gives 4 maps of 3 sizes'),
        ('usfm/enhance_custom_cyclegan', ['vit'], '--encoder is for a config of USFM with UPerNet'),
        ('baselines/seg_segformer', ['vit'], '--encoder is for a config of USFM with UPerNet'),
    ],
)
def test_mistakes_are_named(config, options, message):
    with pytest.raises(ValueError, match=message):
        load(config, '--encoder', *options)


def test_what_does_not_fit_the_file(files):
    with pytest.raises(ValueError, match="give 'vit:HEADS', a divisor of 48"):
        load(SEG, '--encoder', 'vit:5', '--weights', str(files / 'mae.pth'))
    options = ('--encoder', 'vit:6', '--weights', str(files / 'dinov2.pth'))
    with pytest.raises(ValueError, match='a multiple of 14: give --image-size one, not 64'):
        load(SEG, *options, '--image-size', '64')
    with pytest.raises(FileNotFoundError, match=r'none\.pth'):
        load(SEG, '--encoder', 'vit', '--weights', 'none.pth')


@pytest.mark.parametrize(
    ('sizes', 'chosen'),
    [
        ([8] * 12, [3, 5, 7, 11]),
        ([8] * 24, [7, 11, 15, 23]),
        ([8] * 4, [0, 1, 2, 3]),
        ([56, 28, 14, 7, 4], [1, 2, 3, 4]),
        ([28, 28, 14, 14, 14, 7, 4], [1, 4, 5, 6]),
    ],
)
def test_which_maps_upernet_takes(sizes, chosen):
    assert _choose('x', [(1, size, size) for size in sizes]) == chosen
