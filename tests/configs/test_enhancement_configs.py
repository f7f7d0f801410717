"""Every config of enhancement is built, trained, tested and resumed, and mmagic's own trains."""

import copy
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, RUNNERS

from support.enhancement_run import ARCH, load, write_pairs, write_weights
from support.two_ranks import on_two_ranks
from usfm_mm.apis import load_model
from usfm_mm.compat import check_synced, import_mmagic, set_up_cpu
from usfm_mm.config.arch import set_arch
from usfm_mm.io.image import encode_png
from usfm_mm.models.checkpoints.publishing import publish

if find_spec('mmagic') is None:
    pytest.skip('mmagic is not installed', allow_module_level=True)

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ('usfm', 'baselines')
    for path in (ROOT / 'configs' / folder).glob('enhance_*.py')
)
USFM = 'configs/usfm/enhance_usenhance_cyclegan.py'
PLAIN = 'configs/baselines/enhance_usenhance_cyclegan_plain.py'
SIMMIM = 'configs/baselines/enhance_usenhance_cyclegan_simmim.py'


@pytest.fixture(scope='module')
def data_root(tmp_path_factory):
    """Pairs of two organs."""
    return write_pairs(tmp_path_factory.mktemp('pairs'))


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    """A file of extractor weights."""
    return write_weights(tmp_path_factory.mktemp('weights') / 'usfm.pth')


def test_configs_are_listed():
    assert {USFM, PLAIN, SIMMIM, 'configs/usfm/enhance_custom_cyclegan.py'} <= set(CONFIGS)


@pytest.mark.parametrize('name', CONFIGS)
def test_trains_validates_and_tests(name, data_root, weights, tmp_path):
    runner = RUNNERS.build(load(name, data_root, weights, tmp_path))
    generators = runner.model.generators
    extractor = getattr(generators['A'], 'extractor', None)
    before = {k: p.detach().clone() for k, p in runner.model.named_parameters()}
    frozen = extractor and copy.deepcopy(extractor.encoder.state_dict())
    runner.train()
    assert runner.iter == 8  # an epoch is every image once, one at a time
    assert list(tmp_path.glob('best_SSIM_epoch_2.pth'))
    assert list((tmp_path / 'enhancement').glob('*.png'))
    still = [k for k, p in runner.model.named_parameters() if p.equal(before[k]) and 'weight' in k]
    assert not still
    if extractor:
        assert generators['B'].extractor is extractor
        now = extractor.encoder.state_dict()
        assert all(torch.equal(now[k], frozen[k]) for k in frozen)
    check_restores(tmp_path, runner.model, load(name, data_root, weights, tmp_path / 'again'))
    metrics = runner.test()
    assert {f'{k}{s}' for k in ('SSIM', 'LNCC', 'NMI', 'PSNR') for s in ('', '_std')} <= set(
        metrics
    )
    assert {'SSIM/liver', 'SSIM/kidney'} <= set(metrics)
    assert np.isfinite(list(metrics.values())).all()
    summary = json.loads((tmp_path / 'test' / 'summary.json').read_text())
    assert summary['metrics']['SSIM'] == metrics['SSIM']
    assert len((tmp_path / 'test' / 'per_image.csv').read_text().splitlines()) == 1 + 3


def check_restores(work_dir, model, cfg):
    """A run started from the checkpoint has its function; the extractor is in there once."""
    path = work_dir / 'best_SSIM_epoch_2.pth'
    names = torch.load(path, weights_only=True)['state_dict'].keys()
    extractor = getattr(model.generators['A'], 'extractor', None)
    wanted = extractor.encoder.state_dict() if extractor else {}
    assert {k for k in names if 'extractor.' in k} == {
        f'generators.A.extractor.{k}' for k in wanted
    }
    cfg.load_from = str(path)
    fresh = RUNNERS.build(cfg)
    fresh.load_or_resume()
    x = torch.rand(1, 3, 32, 32) * 2 - 1
    for domain in 'AB':
        with torch.no_grad():
            assert torch.equal(fresh.model.generators[domain](x), model.generators[domain](x))
    check_loads_alone(path, fresh.model, x)


def check_loads_alone(path, model, x):
    """The file alone gives the model, and two files share no extractor."""
    loaded = load_model(str(path))
    card = loaded.card
    assert (card.task, card.image_size, card.channels) == ('enhance', (32, 32), 3)
    assert (card.mean, card.std) == ([127.5] * 3, [127.5] * 3)
    assert (card.data['images'], card.organs) == (4, ['kidney', 'liver'])
    assert 'checkpoint' not in json.dumps(card.config)
    again = load_model(str(path))
    if hasattr(model.generators['B'], 'extractor'):
        with torch.no_grad():
            for parameter in again.module.generators['B'].extractor.encoder.parameters():
                parameter.zero_()
    for domain in 'AB':
        with torch.no_grad():
            assert torch.equal(loaded.module.generators[domain](x), model.generators[domain](x))
    for half in (False, True):
        publish(path, path.with_suffix('.safetensors'), half)
        shipped = load_model(path.with_suffix('.safetensors')).module.generators['B']
        with torch.no_grad():
            difference = (shipped(x) - model.generators['B'](x)).abs().max()
        assert difference <= (0.02 if half else 0)


def test_methods_differ_in_the_generator_only():
    usfm, plain, simmim = (Config.fromfile(ROOT / name) for name in (USFM, PLAIN, SIMMIM))
    assert plain.model.generator.type == 'ResnetGenerator'
    simmim.model.generator.backbone.init_cfg = usfm.model.generator.backbone.init_cfg
    assert simmim._cfg_dict == usfm._cfg_dict
    for key in ('backbone', 'mean', 'std', 'save_extractor'):
        usfm.model.generator.pop(key)
    usfm.model.generator.type = 'ResnetGenerator'
    assert plain._cfg_dict == usfm._cfg_dict
    assert usfm.train_cfg.max_epochs == 200  # the paper's 4.2
    assert 'end' not in usfm.param_scheduler[0]  # as long as the run


def test_arch_is_set_in_the_generator():
    cfg = Config.fromfile(ROOT / USFM)
    set_arch(cfg, 'large')
    assert cfg.model.generator.backbone.arch == 'large'
    assert cfg.model.generator.backbone.out_indices == [7, 11, 15, 23]
    with pytest.raises(ValueError, match='--arch is for usfm_mm.USFMViT'):
        set_arch(Config.fromfile(ROOT / PLAIN), 'large')


def train_whole_and_in_parts(rank, data_root, weights, tmp_path, launcher):
    """Weights after two epochs, of an undisturbed run and of a resumed one."""
    if launcher == 'pytorch':
        os.environ['LOCAL_RANK'] = str(rank)  # as torchrun does; mmengine asks for it
    states = []
    for parts in ([2], [1, 2]):
        for epochs in parts:
            cfg = load(USFM, data_root, weights, tmp_path / f'{len(parts)}')
            cfg.experiment_name += f'-{epochs}-{launcher}'
            cfg.model.buffer_size = 1  # so small that its image matters
            cfg.train_cfg.update(max_epochs=epochs, val_interval=9)
            cfg.param_scheduler[0].end = 200  # of the whole run, not of its part
            cfg.default_hooks.checkpoint.update(interval=1, save_best=None)
            cfg.resume = True
            cfg.launcher = launcher
            runner = RUNNERS.build(cfg)
            runner.train()
        assert runner.epoch == 2
        model = runner.model if launcher == 'none' else runner.model.module
        states.append({key: value.clone() for key, value in model.state_dict().items()})
    return states


def test_resumed_run_ends_as_an_undisturbed_one(data_root, weights, tmp_path):
    whole, resumed = train_whole_and_in_parts(0, data_root, weights, tmp_path, 'none')
    for key, value in whole.items():
        assert torch.equal(value, resumed[key]), key


@pytest.mark.slow
def test_two_processes_resume_alike_and_leave_a_checkpoint_for_one(
    data_root, weights, tmp_path, free_port
):
    by_rank = on_two_ranks(
        train_whole_and_in_parts, free_port, data_root, weights, tmp_path, 'pytorch'
    )
    whole = by_rank[0][0]
    for key, value in whole.items():
        for states in by_rank:
            for state in states:
                assert torch.equal(value, state[key]), key
    cfg = load(USFM, data_root, weights, tmp_path / 'one')
    model = MODELS.build(cfg.model)
    model.load_state_dict(
        torch.load(tmp_path / '2' / 'epoch_2.pth', weights_only=True)['state_dict'], strict=True
    )
    images = torch.load(tmp_path / '2' / 'epoch_2.pth', weights_only=True)['image_buffers']
    assert len(images) == 2  # of two ranks, which saw other images
    assert not torch.equal(images[0]['A'][0], images[1]['A'][0])


@pytest.mark.parametrize('setting', ['model_wrapper_cfg', 'optim_wrapper'])
def test_processes_that_would_train_apart_are_refused(setting, data_root, weights, tmp_path):
    cfg = load(PLAIN, data_root, weights, tmp_path)
    check_synced(cfg)
    if setting == 'model_wrapper_cfg':
        cfg.model_wrapper_cfg.type = 'MMSeparateDistributedDataParallel'
    else:
        cfg.optim_wrapper.discriminators.pop('type')
    check_synced(cfg)
    cfg.launcher = 'pytorch'
    with pytest.raises(ValueError, match=r'usfm_mm.SyncedGAN.*usfm_mm.SyncedOptimWrapper'):
        check_synced(cfg)


def test_tools_train_and_test(data_root, weights, tmp_path):
    work_dir = tmp_path / 'run'
    cfg = load(USFM, data_root, weights, work_dir)
    for key in ('runner_type', 'experiment_name', 'log_level', 'work_dir'):
        cfg.pop(key)
    cfg.dump(tmp_path / 'config.py')
    env = dict(os.environ, OMP_NUM_THREADS='1')
    for command in (
        ['tools/train.py', tmp_path / 'config.py'],
        ['tools/test.py', tmp_path / 'config.py', work_dir / 'best_SSIM_epoch_2.pth'],
    ):
        command = [sys.executable, *map(str, command), '--work-dir', str(work_dir)]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count('generation_init_weights mended') == 1
    assert (work_dir / 'test' / 'summary.json').is_file()


def test_only_a_checkpoint_that_fits_is_tested(data_root, weights, tmp_path):
    cfg = load(PLAIN, data_root, weights, tmp_path)
    cfg.load_from = str(tmp_path / 'mine.pth')
    runner = RUNNERS.build(cfg)
    state = {key: value + 1 for key, value in runner.model.state_dict().items()}
    # As mmengine's wrapper names weights on several processes: mmengine only warns of that.
    renamed = {key.replace('generators.', 'generators.module.'): v for key, v in state.items()}
    torch.save(dict(state_dict=renamed), cfg.load_from)
    with pytest.raises(ValueError, match=r'mine.pth cannot be loaded into(?s:.)*missing'):
        runner.test()
    Path(cfg.load_from).write_text('no checkpoint')
    with pytest.raises(ValueError, match=r'mine.pth cannot be loaded into'):
        runner.test()
    torch.save(dict(state_dict=state), cfg.load_from)
    runner.test()
    for key, value in runner.model.state_dict().items():
        assert torch.equal(value, state[key])


def test_amp_is_refused(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    from usfm_mm.commands import train

    monkeypatch.setattr(sys, 'argv', ['train.py', str(ROOT / USFM), '--amp'])
    with pytest.raises(ValueError, match='trains a GAN, in float32 only'):
        train.build_config(train.parse_args())


STOCK = """
_base_ = 'mmagic::cyclegan/cyclegan_lsgan-id0-resnet-in_1xb1-80kiters_facades.py'
model = dict(generator=dict(
    type='usfm_mm.USFMResnetGenerator',
    backbone=dict(
        type='usfm_mm.USFMViT', arch={arch}, img_size=224,
        init_cfg=dict(type='Pretrained', checkpoint='{weights}')),
))
"""


def test_stock_config_with_our_generator_trains(weights, tmp_path):
    rng = np.random.default_rng(0)
    for folder in ('trainA', 'trainB', 'testA', 'testB'):
        (tmp_path / 'data' / folder).mkdir(parents=True)
        for i in range(2):
            image = rng.integers(0, 256, (300, 300), np.uint8)
            (tmp_path / 'data' / folder / f'{i}.png').write_bytes(encode_png(image))
    (tmp_path / 'stock.py').write_text(STOCK.format(arch=ARCH, weights=weights))
    import_mmagic()
    cfg = Config.fromfile(tmp_path / 'stock.py')
    # What follows makes it small and finds the data; FID and IS would download their networks.
    cfg.model.generator.update(base_channels=4, num_blocks=1)
    cfg.model.discriminator.base_channels = 4
    for split in ('train', 'val', 'test'):
        cfg[f'{split}_dataloader'].update(num_workers=0, persistent_workers=False, batch_size=1)
        cfg[f'{split}_dataloader'].dataset.data_root = str(tmp_path / 'data')
    loader = cfg.test_dataloader
    for name in ('cfg', 'dataloader', 'evaluator'):
        cfg[f'val_{name}'] = cfg[f'test_{name}'] = None
    cfg.train_cfg.max_iters = 2
    cfg.launcher = 'none'
    cfg.log_level = 'WARNING'
    cfg.work_dir = str(tmp_path / 'run')
    cfg.experiment_name = f'stock-{tmp_path.name}'
    set_up_cpu(cfg)
    runner = RUNNERS.build(cfg)
    assert type(runner.model).__module__ == 'mmagic.models.editors.cyclegan.cyclegan'
    runner.train()
    assert runner.iter == 2
    batch = next(iter(runner.build_dataloader(loader)))
    (sample,) = runner.model.test_step(batch)
    assert sample.fake_photo.shape == (3, 256, 256)
    assert 0 <= sample.fake_photo.min() < sample.fake_photo.max() <= 255
