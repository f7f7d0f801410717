"""Every downstream config is built, trained one epoch and tested, through a runner."""

import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import RUNNERS

from usfm_mm.cli import set_data_root
from usfm_mm.datasets.image_io import encode_png
from usfm_mm.datasets.releases import RELEASES
from usfm_mm.hosts import find_mmseg_configs, import_mmseg, set_up_cpu

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ('usfm', 'baselines')
    for pattern in ('seg_*.py', 'cls_*.py')
    for path in (ROOT / 'configs' / folder).glob(pattern)
)
WIDTH = 48


def write_data(root, num_seg_classes, num_cls_classes):
    """Squares whose grey level is their class, and the lists of both tasks."""
    rng = np.random.default_rng(0)
    for folder in ('images', 'masks', 'splits'):
        (root / folder).mkdir(parents=True)
    for split, count in (('train', 4), ('val', 2), ('test', 3)):
        names, labels = [], []
        for i in range(count):
            mask = np.zeros((70, 90), np.uint8)
            for value in range(1, num_seg_classes):
                x, y = rng.integers(0, 50, 2)
                mask[y : y + 20, x : x + 20] = value
            image = rng.integers(0, 30, mask.shape, np.uint8) + mask * np.uint8(40)
            name = f'{split}_{i}'
            (root / 'images' / f'{name}.png').write_bytes(encode_png(image))
            (root / 'masks' / f'{name}.png').write_bytes(encode_png(mask))
            names.append(name)
            labels.append(f'{name}.png {i % num_cls_classes}')
        (root / 'splits' / f'seg_{split}.txt').write_text('\n'.join(names) + '\n')
        (root / 'splits' / f'cls_{split}.txt').write_text('\n'.join(labels) + '\n')


def narrow(cfg):
    """As deep as the config says, but narrow."""
    model = cfg.model
    backbone = model.backbone
    if backbone.type == 'usfm_mm.USFMViT':
        backbone.arch = dict(
            embed_dims=WIDTH, num_layers=12, num_heads=3, feedforward_channels=WIDTH
        )
        backbone.init_cfg = None
        if 'decode_head' in model:
            model.neck.embed_dim = WIDTH
            model.decode_head.update(in_channels=[WIDTH] * 4, channels=16)
            model.auxiliary_head.update(in_channels=WIDTH, channels=16)
        else:
            model.head.in_channels = WIDTH
    elif backbone.type == 'MixVisionTransformer':
        backbone.embed_dims = 8
        model.decode_head.update(in_channels=[8, 16, 40, 64], channels=16)
    elif backbone.type == 'usfm_mm.MONAINetwork':
        name = 'channels' if backbone.network.type == 'UNet' else 'filters'
        backbone.network[name] = [8] * len(backbone.network[name])
    for name in ('train', 'val', 'test'):
        cfg[f'{name}_dataloader'].update(batch_size=2, num_workers=0, persistent_workers=False)


def load(name):
    find_mmseg_configs()
    cfg = Config.fromfile(ROOT / name)
    cfg.launcher = 'none'
    if cfg.default_scope == 'mmseg':
        import_mmseg()
    return cfg


def test_configs_are_listed():
    baselines = (
        'seg_monai_residual_unet',
        'seg_monai_dynunet',
        'seg_segformer',
        'seg_upernet_scratch',
        'seg_upernet_simmim',
        'cls_resnet50',
        'cls_densenet121',
        'cls_vit_scratch',
        'cls_vit_simmim',
    )
    named = {'configs/usfm/seg_custom_upernet.py', 'configs/usfm/cls_custom_linear.py'}
    assert named | {f'configs/baselines/{name}.py' for name in baselines} <= set(CONFIGS)


@pytest.mark.parametrize('name', CONFIGS)
def test_trains_validates_and_tests(name, tmp_path):
    pytest.importorskip('monai')
    cfg = load(name)
    seg = cfg.default_scope == 'mmseg'
    classes = cfg.test_dataloader.dataset.metainfo.classes
    write_data(tmp_path / 'data', len(classes) if seg else 2, 2 if seg else len(classes))
    set_data_root(cfg, str(tmp_path / 'data'))
    narrow(cfg)
    set_up_cpu(cfg)
    cfg.work_dir = str(tmp_path / 'run')
    cfg.experiment_name = f'{Path(name).stem}-{tmp_path.name}'
    cfg.train_cfg.max_epochs = 1
    # The first steps of the warm-up, decayed by layer, are too small for float32.
    cfg.optim_wrapper.optimizer.lr = 1e-2
    cfg.param_scheduler[0].start_factor = 1.0
    cfg.runner_type = 'usfm_mm.QuietRunner'
    cfg.log_level = 'WARNING'
    runner = RUNNERS.build(cfg)
    before = {key: p.detach().clone() for key, p in runner.model.named_parameters()}
    runner.train()
    key = 'DSC' if seg else 'F1'
    assert list((tmp_path / 'run').glob(f'best_{key}_epoch_1.pth'))
    still = [
        k for k, p in runner.model.named_parameters() if p.requires_grad and p.equal(before[k])
    ]
    assert not still
    metrics = runner.test()
    expected = (
        {'DSC', 'IoU', 'ACC', 'SEN', 'HD95'} if seg else {'ACC', 'Recall', 'PREC', 'F1', 'MCC'}
    )
    assert expected | {f'{k}_std' for k in expected} <= set(metrics)
    assert np.isfinite(list(metrics.values())).all()
    summary = json.loads((tmp_path / 'run' / 'test' / 'summary.json').read_text())
    assert summary['metrics'][key] == metrics[key]
    assert len((tmp_path / 'run' / 'test' / 'per_image.csv').read_text().splitlines()) == 1 + 3
    figure = 'overlays.png' if seg else 'confusion_matrix.png'
    assert (tmp_path / 'run' / 'test' / figure).stat().st_size > 1000


@pytest.mark.parametrize('name', CONFIGS)
def test_heads_agree_with_the_classes(name):
    cfg = load(name)
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        classes = loader.dataset.metainfo.classes
        assert loader.dataset.data_root == cfg.data_root
    if cfg.default_scope == 'mmseg':
        auxiliary = cfg.model.get('auxiliary_head', [])
        auxiliary = [auxiliary] if isinstance(auxiliary, dict) else auxiliary
        for head in (cfg.model.decode_head, *auxiliary):
            assert head.num_classes == head.out_channels == len(classes)
    else:
        assert cfg.model.head.num_classes == cfg.data_preprocessor.num_classes == len(classes)


@pytest.mark.parametrize('release', RELEASES.values(), ids=RELEASES)
@pytest.mark.parametrize('task', ['seg', 'cls'])
def test_classes_are_those_of_the_converted_data(release, task):
    classes = getattr(release, f'{task}_classes')
    found = [cfg for cfg in map(load, CONFIGS) if Path(cfg.data_root) == Path('data', release.name)]
    found = [cfg for cfg in found if cfg.default_scope == dict(seg='mmseg', cls='mmpretrain')[task]]
    assert bool(found) == bool(classes)
    for cfg in found:
        metainfo = cfg.test_dataloader.dataset.metainfo
        assert tuple(metainfo.classes) == classes
        assert task == 'cls' or len(metainfo.palette) == len(classes)


def test_the_papers_values():
    seg = load('configs/usfm/seg_custom_upernet.py')
    assert seg.model.backbone.out_indices == [3, 5, 7, 11]
    assert seg.model.auxiliary_head.in_index == 2
    assert seg.model.auxiliary_head.loss_decode.loss_weight == 0.4
    cls = load('configs/usfm/cls_custom_linear.py')
    assert cls.model.head.loss.label_smooth_val == 0.1
    for cfg in (seg, cls, load('configs/baselines/seg_upernet_simmim.py')):
        assert cfg.optim_wrapper.paramwise_cfg.layer_decay_rate == 0.65
        assert cfg.train_cfg.max_epochs == cfg.param_scheduler[-1].end == 200
        assert cfg.model.backbone.arch == 'base'
