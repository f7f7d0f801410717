"""No option is ignored: with every config it is everywhere in the result, or an error."""

import pytest
from mmengine.config import Config

from support.command_line import ROOT, load
from usfm_mm.config.parser import add_run_options, config_parser
from usfm_mm.config.provenance import settings_of
from usfm_mm.models import USFMViT

CONFIGS = sorted(
    f'{path.parent.name}/{path.name}'
    for folder in ('usfm', 'baselines', 'ablations')
    for path in (ROOT / 'configs' / folder).glob('*.py')
)
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def values(node, *keys):
    """All that stands under the keys, wherever that is."""
    found = []
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        if key in keys:
            found.append(value)
        if isinstance(value, (dict, list, tuple)):
            found += values(value, *keys)
    return found


def loaders(cfg):
    return [cfg[name] for name in LOADERS if cfg.get(name)]


def backbone(cfg):
    return cfg.model.get('generator', cfg.model).get('backbone', {})


@pytest.mark.parametrize('name', CONFIGS)
def test_image_size(name):
    old = load(name).image_size
    cfg = load(name, '--image-size', 192)
    assert cfg.image_size == 192
    assert str(old) not in cfg.pretty_text.replace('img224', '')  # a file's name
    sizes = {'RandomAffineCrop': 'size', 'Resize': 'scale', 'SimMIMMaskGenerator': 'input_size'}
    sizes |= {'RandomCrop': 'crop_size', 'RandomResizedCrop': 'scale', 'RandomResize': 'scale'}
    for loader in loaders(cfg):
        steps = [*loader.dataset.pipeline, *sum(values(loader.dataset, 'transforms'), [])]
        found = [step[sizes[kind]] for step in steps if (kind := step.type.split('.')[-1]) in sizes]
        assert found
        assert all(size in (192, (192, 192)) for size in found)
    assert backbone(cfg).get('img_size', 192) == 192
    assert settings_of(cfg)['image_size'] == '192'  # as a checkpoint will say


@pytest.mark.parametrize('name', CONFIGS)
def test_epochs(name):
    old, cfg = load(name), load(name, '--epochs', 40)
    assert cfg.train_cfg.max_epochs == 40
    assert cfg.train_cfg.val_interval <= 40
    ratio = 40 / old.train_cfg.max_epochs
    for before, after in zip(old.param_scheduler, cfg.param_scheduler, strict=True):
        for key in ('begin', 'end'):
            assert after.get(key, 0) == pytest.approx(before.get(key, 0) * ratio)
    for options in (('--epochs', 1), ('--cfg-options', 'train_cfg.max_epochs=1')):
        assert all(step.get('end', 1) <= 1 for step in load(name, *options).param_scheduler)


@pytest.mark.parametrize('name', CONFIGS)
def test_learning_rate(name):
    rates = values(load(name, '--lr', 0.003).optim_wrapper, 'lr')
    assert rates
    assert set(rates) == {0.003}


@pytest.mark.parametrize('name', CONFIGS)
def test_batch_size_and_workers(name):
    old = load(name)
    cfg = load(name, '--batch-size', 3, '--workers', 0)
    for loader in loaders(cfg):
        assert (loader.batch_size, loader.num_workers, loader.persistent_workers) == (3, 0, False)
    assert cfg.optim_wrapper == old.optim_wrapper
    assert cfg.get('auto_scale_lr') == old.get('auto_scale_lr')
    for loader in loaders(load(name, '--workers', 2)):
        assert (loader.num_workers, loader.persistent_workers) == (2, True)
    options = [f'{key}.num_workers=0' for key in LOADERS if old.get(key)]
    for loader in loaders(load(name, '--cfg-options', *options)):
        assert not loader.persistent_workers  # PyTorch refuses it


@pytest.mark.parametrize('name', CONFIGS)
def test_mask_size(name):
    if 'pretrain' not in name:
        with pytest.raises(KeyError, match='masks no patches'):
            load(name, '--mask-size', 16)
        return
    cfg = load(name, '--mask-size', 16)
    assert set(values(cfg.train_dataloader, 'mask_size', 'mask_patch_size')) == {16}
    assert set(values([cfg.val_dataloader, cfg.test_dataloader], 'mask_size')) <= {16}
    for size, image in ((24, 224), (32, 112)):
        with pytest.raises(ValueError, match=f'is {size}: a mask patch .*--mask-size may be 16'):
            load(name, '--mask-size', size, '--image-size', image)


@pytest.mark.parametrize('name', CONFIGS)
def test_arch(name):
    if 'ViT' not in backbone(load(name)).get('type', ''):
        with pytest.raises(ValueError, match='--arch is for usfm_mm.USFMViT'):
            load(name, '--arch', 'small')
        return
    old, cfg = load(name), load(name, '--arch', 'small')
    assert backbone(cfg).arch == 'small'
    before, width = (USFMViT.arch_zoo[backbone(c).arch]['embed_dims'] for c in (old, cfg))
    for key in ('neck', 'head', 'decode_head', 'auxiliary_head'):
        for inner in ('in_channels', 'embed_dim', 'channels'):
            for was, now in zip(
                values([old.model.get(key) or {}], inner),
                values([cfg.model.get(key) or {}], inner),
                strict=True,
            ):
                was, now = ([x] if isinstance(x, int) else x for x in (was, now))
                assert [x * before for x in now] == [x * width for x in was]


@pytest.mark.parametrize('name', CONFIGS)
def test_data_root(name, tmp_path):
    cfg = load(name, '--data-root', tmp_path)
    assert set(values(cfg._cfg_dict, 'data_root')) == {str(tmp_path)}


@pytest.mark.parametrize(
    ('option', 'value', 'message'),
    [
        ('--epochs', 0, 'at least 1'),
        ('--lr', 0, 'above 0'),
        ('--batch-size', 0, 'at least 1'),
        ('--workers', -1, 'at least 0'),
        ('--image-size', 8, 'not a multiple of 16'),
        ('--mask-size', 0, 'is 0: a mask patch'),
    ],
)
def test_values_out_of_range(option, value, message):
    with pytest.raises(ValueError, match=message):
        load('usfm/pretrain_3mus.py', option, value)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['model.backbone.img_size=64'], 'image_size is 224, but model.backbone.img_size is 64'),
        (
            ['val_dataloader.dataset.pipeline.1.mask_size=16'],
            'pipeline.3.mask_size is 32, but val_dataloader.dataset.pipeline.1.mask_size is 16',
        ),
        (
            ['train_cfg.max_epochs=5', 'param_scheduler.1.begin=2'],
            r'max_epochs is 5, but param_scheduler.0 \(LinearLR\) goes from 0 to 10: use --epochs',
        ),
        (['param_scheduler.1.end=50'], r'is 200, but param_scheduler.1 .* goes from 10 to 50'),
        (
            ['train_dataloader.num_workers=0', 'train_dataloader.persistent_workers=True'],
            'persistent_workers=True, but train_dataloader.num_workers is 0: use --workers',
        ),
    ],
)
def test_places_that_disagree_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        load('usfm/pretrain_3mus.py', '--cfg-options', *options)


def test_heads_of_another_width_are_named():
    with pytest.raises(ValueError, match='192 wide .*model.neck.embed_dim is 768: use --arch'):
        load('usfm/seg_custom_upernet.py', '--cfg-options', 'model.backbone.arch=tiny')


def test_sizes_may_be_kept_apart(tmp_path):
    config = tmp_path / 'apart.py'
    config.write_text(
        f"_base_ = '{ROOT}/configs/usfm/pretrain_3mus.py'\n"
        'image_size = None\nmodel = dict(backbone=dict(img_size=448))\n'
    )
    assert load(config).model.backbone.img_size == 448
    with pytest.raises(KeyError, match='has no image_size'):
        load(config, '--image-size', 64)


def test_saved_config_of_a_small_run_is_whole(tmp_path):
    options = ['--arch', 'tiny', '--image-size', 112, '--mask-size', 16, '--workers', 0]
    load('usfm/pretrain_3mus.py', *options).dump(tmp_path / 'saved.py')
    saved = load(tmp_path / 'saved.py')  # as tools/test.py reads it
    assert set(values(saved._cfg_dict, 'mask_size')) == {16}
    assert set(values(saved._cfg_dict, 'img_size')) == {112}


def test_preset_of_a_cpu_is_the_small_run():
    cfg = load('usfm/pretrain_cpu.py')
    long = load(
        'usfm/pretrain_3mus.py',
        *('--arch', 'tiny', '--image-size', 112, '--mask-size', 16, '--epochs', 60, '--lr', 1e-3),
    )
    for loader in (*loaders(cfg), *loaders(long)):
        loader.update(batch_size=16, num_workers=0, persistent_workers=False, pin_memory=False)
    for key in ('train_dataloader', 'val_dataloader', 'test_dataloader', 'param_scheduler'):
        assert cfg[key] == long[key]
    assert cfg.train_cfg.max_epochs == 60
    assert cfg.optim_wrapper.optimizer == long.optim_wrapper.optimizer
    assert cfg.auto_scale_lr.base_batch_size == 16


@pytest.mark.parametrize('name', [name for name in CONFIGS if name.startswith('usfm/')])
def test_config_of_a_data_set_names_its_folder(name):
    if not name.endswith(('_linear.py', '_upernet.py')) or 'custom' in name or 'table_' in name:
        return
    text = (ROOT / 'configs' / name).read_text()
    lines = [line for line in text.splitlines() if not line.startswith('#')]
    assert [line.split(' ')[0] for line in lines] == ['_base_', 'data_root', 'train_dataloader']
    cfg = Config.fromfile(ROOT / 'configs' / name)
    assert set(values(cfg._cfg_dict, 'data_root')) == {cfg.data_root}


def test_what_batch_size_does_to_the_rate_is_said():
    parser = config_parser('')
    add_run_options(parser)
    assert 'learning rate stays as it is' in ' '.join(parser.format_help().split())
    for name, images in (('seg_custom_upernet', 16), ('cls_custom_linear', 32)):
        before, after = load(f'usfm/{name}.py'), load(f'usfm/{name}.py', '--batch-size', 4)
        assert after.auto_scale_lr.base_batch_size == before.train_dataloader.batch_size == images
        assert after.optim_wrapper.optimizer.lr == before.optim_wrapper.optimizer.lr
