"""What a run reports while it trains, a fresh process computes again from its checkpoint."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.utils import digit_version

from support.downstream import load, narrow, write_data
from usfm_mm.compat import set_up_cpu
from usfm_mm.config.options import set_data_root

ROOT = Path(__file__).resolve().parents[2]
ENV = dict(os.environ, OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='', PYTHONPATH=str(ROOT))

AGAIN = """
import json, sys
from pathlib import Path
from mmengine.config import Config
from usfm_mm.config.options import build_runner

path, checkpoint, out = sys.argv[1:]
sys.modules['umap'] = None  # the picture is not compared
cfg = Config.fromfile(path)
cfg.load_from, cfg.work_dir, cfg.compile = checkpoint, out, False
runner = build_runner(cfg)
results = dict(metrics=runner.test())
for hook in runner.hooks:
    if type(hook).__name__ == 'ReconstructionHook':
        hook.before_train(runner)
        hook._draw(runner, 'again', 0)
        results['panel'] = json.loads(Path(out, 'reconstruction', 'again.json').read_text())
    if type(hook).__name__ == 'EmbeddingHook':
        hook._embed(runner, 0)
Path(out, 'results.json').write_text(json.dumps(results, default=float))
"""


def call(*command):
    done = subprocess.run(
        [sys.executable, *map(str, command)], cwd=ROOT, env=ENV, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


def train_and_compute_again(config, folder, processes=1, port=0):
    """Last validation and checkpoint of a run, and what a fresh process makes of the latter."""
    for part in ('dataloader', 'evaluator', 'cfg'):
        config[f'test_{part}'] = config[f'val_{part}']
    config.work_dir = str(folder / 'run')
    config.dump(folder / 'config.py')
    launch = []
    if processes > 1:
        launch = ['-m', 'torch.distributed.run', f'--nproc_per_node={processes}']
        launch.append(f'--master_port={port}')
    options = ['--launcher', 'pytorch'] if processes > 1 else []
    call(*launch, 'tools/train.py', folder / 'config.py', *options)
    (log,) = Path(config.work_dir).glob('*/vis_data/scalars.json')
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    checkpoint = Path(config.work_dir, 'last_checkpoint').read_text()
    out = folder / 'again'
    out.mkdir()
    call('-c', AGAIN, folder / 'config.py', checkpoint, out)
    return rows, json.loads((out / 'results.json').read_text())


def assert_scores_agree(rows, metrics, rtol):
    last = [row for row in rows if all(name in row for name in metrics)][-1]
    first = [row for row in rows if all(name in row for name in metrics)][0]
    assert metrics.keys()
    for name, value in metrics.items():
        assert last[name] == pytest.approx(value, rel=rtol), name
    return first, last


EMA = dict(type='EMAHook', ema_type='ExponentialMovingAverage', momentum=0.3)
CASES = {
    'plain': ({}, [], 1),
    'fused': ({'optim_wrapper.optimizer.fused': True}, [], 1),
    'averaged': ({}, [EMA], 1),
    'two processes': ({'optim_wrapper.optimizer.fused': True}, [], 2),
    'compiled': ({'compile': True}, [], 1),
}


@pytest.mark.slow
@pytest.mark.parametrize('case', CASES)
def test_pre_training(tiny_config, tmp_path, case, free_port):
    pytest.importorskip('sklearn')
    changes, hooks, processes = CASES[case]
    if case == 'compiled' and shutil.which('c++') is None:
        pytest.skip('torch.compile needs a compiler')
    if case == 'compiled' and digit_version(torch.__version__) < digit_version('2.4'):
        pytest.skip('the compiler of torch 2.1 fails on stochastic depth, a rate for each block')
    config = tiny_config.copy()
    config.merge_from_dict(changes)
    # Steps large enough to tell each epoch's weights, and their bias tables, from the last ones.
    config.optim_wrapper.optimizer.lr = 0.02
    config.train_cfg = dict(type='usfm_mm.ResumableEpochTrainLoop', max_epochs=3, val_interval=1)
    config.default_hooks.checkpoint = dict(
        type='usfm_mm.SafeCheckpointHook', by_epoch=False, interval=100
    )
    config.custom_hooks = [
        dict(type='usfm_mm.ReconstructionHook'),
        dict(type='usfm_mm.EmbeddingHook', images_per_organ=3),
        *hooks,
    ]
    rows, again = train_and_compute_again(config, tmp_path, processes, free_port)
    rtol = 1e-3 if case == 'compiled' else 1e-5
    first, last = assert_scores_agree(rows, again['metrics'], rtol)
    assert first['val/total'] != pytest.approx(last['val/total'], rel=0.01)
    panel = json.loads((tmp_path / 'run' / 'reconstruction' / 'epoch_003.json').read_text())
    for name in ('l1_reconstruction', 'l1_mean_fill'):
        assert panel[name] == pytest.approx(again['panel'][name], rel=rtol)
    assert panel['organs'].keys() == again['panel']['organs'].keys()
    for organ, errors in panel['organs'].items():
        assert errors == pytest.approx(again['panel']['organs'][organ], rel=rtol), organ
    features = np.load(tmp_path / 'run' / 'embedding' / 'epoch_003.npz')['features']
    expected = np.load(tmp_path / 'again' / 'embedding' / 'epoch_000.npz')['features']
    np.testing.assert_allclose(features, expected, rtol=100 * rtol, atol=100 * rtol)


@pytest.mark.slow
@pytest.mark.parametrize('averaged', [False, True])
@pytest.mark.parametrize(
    'name', ['configs/usfm/seg_custom_upernet.py', 'configs/usfm/cls_custom_linear.py']
)
def test_fine_tuning(tmp_path, name, averaged):
    pytest.importorskip('monai')
    write_data(tmp_path / 'data', 2, 2)
    config = load(name)
    set_data_root(config, str(tmp_path / 'data'))
    narrow(config)
    set_up_cpu(config)
    config.train_cfg.max_epochs = 3
    config.param_scheduler = []
    config.optim_wrapper.optimizer.update(lr=0.01, fused=not averaged)
    config.default_hooks.checkpoint.update(by_epoch=True, interval=1, save_best=None)
    config.runner_type = 'usfm_mm.QuietRunner'
    config.visualizer.vis_backends = [dict(type='mmengine.LocalVisBackend')]
    config.custom_hooks = [dict(type='usfm_mm.IterationSeedHook'), *([EMA] if averaged else [])]
    rows, again = train_and_compute_again(config, tmp_path)
    assert_scores_agree(rows, again['metrics'], 1e-5)
