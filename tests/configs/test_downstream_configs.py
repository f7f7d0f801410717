"""Every downstream config is built, trained one epoch and tested, through a runner."""

import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.registry import RUNNERS

from support.downstream import ROOT, load, narrow, write_data
from usfm_mm.compat import set_up_cpu
from usfm_mm.config.classes import fit_classes
from usfm_mm.config.options import set_data_root
from usfm_mm.config.schedule import set_epochs
from usfm_mm.converters import CONVERTERS

CONFIGS = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ('usfm', 'baselines')
    for pattern in ('seg_*.py', 'cls_*.py')
    for path in (ROOT / 'configs' / folder).glob(pattern)
)


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
    task = 'seg' if seg else 'cls'
    classes = cfg.test_dataloader.dataset.metainfo.classes
    release = CONVERTERS.get(Path(cfg.data_root).name)
    classes = getattr(release, f'{task}_classes', classes)
    write_data(tmp_path / 'data', len(classes) if seg else 2, 2 if seg else len(classes))
    about = {f'{task}_classes': list(classes)}  # as tools/prepare_data.py writes it
    (tmp_path / 'data' / 'dataset.json').write_text(json.dumps(about))
    set_data_root(cfg, str(tmp_path / 'data'))
    fit_classes(cfg)
    check_heads(cfg, classes)
    narrow(cfg)
    set_up_cpu(cfg)
    cfg.work_dir = str(tmp_path / 'run')
    cfg.experiment_name = f'{Path(name).stem}-{tmp_path.name}'
    set_epochs(cfg, 1)
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
    assert list((tmp_path / 'run').glob('*/vis_data/scalars.json'))  # not in an earlier run's
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
    check_heads(cfg, classes)


def check_heads(cfg, classes):
    if cfg.default_scope == 'mmseg':
        auxiliary = cfg.model.get('auxiliary_head', [])
        auxiliary = [auxiliary] if isinstance(auxiliary, dict) else auxiliary
        for head in (cfg.model.decode_head, *auxiliary):
            assert head.num_classes == head.out_channels == len(classes)
    else:
        assert cfg.model.head.num_classes == cfg.data_preprocessor.num_classes == len(classes)


# The other ones are trained by the configs for one's own data.
WITH_CONFIGS = {
    name: release
    for name, release in CONVERTERS.items()
    if not release.has_table and not name.startswith('ultrabench_')
}


@pytest.mark.parametrize('release', WITH_CONFIGS.values(), ids=WITH_CONFIGS)
@pytest.mark.parametrize('task', ['seg', 'cls'])
def test_classes_are_those_of_the_converted_data(release, task, tmp_path):
    classes = getattr(release, f'{task}_classes')
    found = [cfg for cfg in map(load, CONFIGS) if Path(cfg.data_root) == Path('data', release.name)]
    found = [cfg for cfg in found if cfg.default_scope == dict(seg='mmseg', cls='mmpretrain')[task]]
    assert bool(found) == bool(classes)
    about = {f'{task}_classes': list(classes)}  # as tools/prepare_data.py writes it
    (tmp_path / 'dataset.json').write_text(json.dumps(about))
    for cfg in found:
        set_data_root(cfg, str(tmp_path))
        fit_classes(cfg)
        metainfo = cfg.test_dataloader.dataset.metainfo
        assert tuple(metainfo.classes) == classes
        check_heads(cfg, classes)
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
        assert cfg.train_cfg.max_epochs == 200
        assert 'end' not in cfg.param_scheduler[-1]
        assert cfg.model.backbone.arch == 'base'
