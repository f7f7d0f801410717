"""Every config is built and trained one step, forward and backward, on small generated images."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, RUNNERS, init_default_scope
from mmengine.runner import Runner

from usfm_mm.compat import set_up_cpu
from usfm_mm.config.options import add_tensorboard, set_data_root
from usfm_mm.io.image import encode_png

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ('usfm', 'ablations')
    for path in (ROOT / 'configs' / folder).glob('pretrain_*.py')
)


@pytest.fixture(scope='module')
def data_root(tmp_path_factory):
    """Three organs of 12 images."""
    root = tmp_path_factory.mktemp('data')
    rng = np.random.default_rng(0)
    rows = ['path,organ']
    for organ in ('breast', 'heart', 'thyroid'):
        (root / organ).mkdir()
        for i in range(40):
            (root / organ / f'{i}.png').write_bytes(
                encode_png(rng.integers(0, 256, (64, 64), np.uint8))
            )
            rows.append(f'{organ}/{i}.png,{organ}')
    (root / 'index.csv').write_text('\n'.join(rows) + '\n')
    return root


def load(name, data_root=None):
    cfg = Config.fromfile(ROOT / name)
    if data_root:
        set_data_root(cfg, str(data_root))
    set_up_cpu(cfg)
    return cfg


def shrink(cfg):
    """As deep, but narrow; the layers' number and the image size stay the config's."""
    cfg.model.backbone.arch = dict(
        embed_dims=48, num_layers=4, num_heads=3, feedforward_channels=96
    )
    if 'neck' in cfg.model:
        cfg.model.neck['embed_dim' if 'embed_dim' in cfg.model.neck else 'in_channels'] = 48
    cfg.train_dataloader.update(batch_size=2, num_workers=0, persistent_workers=False)
    if cfg.get('val_dataloader'):
        cfg.val_dataloader.update(batch_size=2, num_workers=0, persistent_workers=False)


def test_all_configs_are_listed():
    assert len(CONFIGS) >= 8
    assert 'configs/usfm/pretrain_3mus.py' in CONFIGS


@pytest.mark.parametrize('name', CONFIGS)
def test_builds_and_trains_one_step(name, data_root):
    cfg = load(name, data_root)
    assert cfg.default_scope == 'mmpretrain'
    shrink(cfg)
    init_default_scope('mmpretrain')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)
    optim_wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    optim_wrapper.initialize_count_status(model, 0, 10)
    before = copy.deepcopy(dict(model.named_parameters()))
    model.train()
    for batch, _ in zip(
        loader, range(cfg.optim_wrapper.get('accumulative_counts', 1)), strict=False
    ):
        log = model.train_step(batch, optim_wrapper)
    assert torch.isfinite(log['loss'])
    # The bias tables of an untrained model start at zero; a first step must move everything.
    still = [
        key
        for key, p in model.named_parameters()
        if torch.equal(p, before[key]) and p.requires_grad
    ]
    assert not still
    if cfg.get('val_dataloader'):
        val = Runner.build_dataloader(cfg.val_dataloader, seed=0)
        model.eval()
        rows = model.val_step(next(iter(val)))
        assert len(rows) == 2
        assert all(np.isfinite(list(row.values())).all() for row in rows)


@pytest.mark.parametrize('name', CONFIGS)
def test_weight_decay_where_it_belongs(name):
    cfg = load(name)
    shrink(cfg)
    init_default_scope('mmpretrain')
    model = MODELS.build(cfg.model)
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper).optimizer
    decay = {id(group['params'][0]): group['weight_decay'] for group in optimizer.param_groups}
    learned = {key: p for key, p in model.named_parameters() if p.requires_grad}
    assert len(decay) == len(learned)
    for key, parameter in learned.items():
        none = parameter.ndim == 1 or key.endswith(
            ('cls_token', 'mask_token', 'relative_position_bias_table')
        )
        assert decay[id(parameter)] == (0 if none else 0.05), key


def test_the_papers_values_in_the_main_config():
    cfg = load('configs/usfm/pretrain_3mus.py')
    pipeline = {t['type']: t for t in cfg.train_dataloader.dataset.pipeline}
    draw = pipeline['usfm_mm.DrawDualMask']
    assert (draw.mask_ratio, draw.num_bands, draw.num_stopped, draw.mask_size) == (0.4, 7, 2, 32)
    assert pipeline['usfm_mm.RandomAffineCrop'].size == 224
    assert cfg.model.frequency_weight == cfg.val_evaluator.frequency_weight == 0.4
    assert cfg.train_dataloader.sampler.power == 0.5
    assert cfg.train_cfg.max_epochs == 200
    assert 'end' not in cfg.param_scheduler[-1]
    assert cfg.model.backbone.arch == 'base'
    # 1e-4 for 512 images, on 8 GPUs
    images = 8 * cfg.train_dataloader.batch_size
    assert cfg.optim_wrapper.optimizer.lr == pytest.approx(1e-4 * images / 512)
    assert cfg.auto_scale_lr.base_batch_size == images


def test_large_trains_with_the_same_batch():
    cfg = load('configs/usfm/pretrain_large_3mus.py')
    accumulated = cfg.train_dataloader.batch_size * cfg.optim_wrapper.accumulative_counts
    assert 8 * accumulated == cfg.auto_scale_lr.base_batch_size


def test_ablations_differ_only_where_they_say():
    main = load('configs/usfm/pretrain_3mus.py')
    wos = load('configs/ablations/pretrain_usfm_wos.py')
    assert wos.train_dataloader.sampler.power == 0
    wos.train_dataloader.sampler.power = 0.5
    assert wos._cfg_dict == main._cfg_dict
    wof = load('configs/ablations/pretrain_usfm_wof.py')
    assert wof.train_dataloader.dataset.pipeline[-2].num_stopped == 0
    assert wof.model.frequency_weight == 0
    assert wof.train_dataloader.dataset.pipeline[:3] == main.train_dataloader.dataset.pipeline[:3]


def test_data_root_is_replaced_everywhere(data_root):
    cfg = load('configs/usfm/pretrain_3mus.py', data_root)
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        assert loader.dataset.data_root == str(data_root)
    with pytest.raises(FileNotFoundError, match='no such folder'):
        set_data_root(cfg, '/nowhere')


def test_runner_of_the_main_config_trains_and_validates(data_root, tmp_path):
    cfg = load('configs/usfm/pretrain_3mus.py', data_root)
    shrink(cfg)
    add_tensorboard(cfg)
    cfg.work_dir = str(tmp_path)
    cfg.experiment_name = 'main-config'
    cfg.train_dataloader.sampler.num_samples = 4
    cfg.train_cfg.update(max_epochs=1, val_interval=1)
    cfg.param_scheduler = None
    cfg.custom_hooks = [hook for hook in cfg.custom_hooks if 'Embedding' not in hook['type']]
    cfg.custom_hooks[-1].interval = 1
    cfg.runner_type = 'usfm_mm.QuietRunner'
    RUNNERS.build(cfg).train()
    assert (tmp_path / 'iter_2.pth').is_file()
    assert list(tmp_path.glob('reconstruction/*.png'))
