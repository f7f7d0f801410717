"""Runs, and what fresh processes make of their checkpoints.

All runs of a test share a process, those on two processes another pair of them.
"""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.utils import digit_version

ROOT = Path(__file__).resolve().parents[2]
ENV = dict(os.environ, OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='', PYTHONPATH=str(ROOT))
NEW = digit_version(torch.__version__) >= digit_version('2.4')  # else not fused on a CPU
EMA = dict(type='EMAHook', ema_type='ExponentialMovingAverage', momentum=0.3)
EPOCHS = 3
CODE = """
import json, sys
from pathlib import Path
from mmengine.config import Config
from usfm_mm.compat import leave_process_group, set_up_cpu
from usfm_mm.config.options import build_runner

sys.modules['umap'] = None  # its picture is not compared

def config(path, name):
    cfg = Config.fromfile(path)
    if name == 'again':
        cfg.launcher = 'none'
    set_up_cpu(cfg)
    cfg.experiment_name += name  # mmengine's logs are found by it
    cfg.visualizer.name += name
    if name:
        cfg.compile = False
        cfg.load_from = f'{cfg.work_dir}/epoch_{3 if name == "again" else 2}.pth'
        cfg.resume = name == 'resumed'
        cfg.work_dir += f'/{name}'
        for part in ('val', 'test'):
            if 'csv_path' in cfg[f'{part}_evaluator']:
                cfg[f'{part}_evaluator'].csv_path = f'{cfg.work_dir}/images.csv'
    return cfg

def report(cfg):
    runner = build_runner(cfg)
    out = Path(cfg.work_dir)
    (out / 'scores.json').write_text(json.dumps(runner.test(), default=float))
    for hook in runner.hooks:
        if type(hook).__name__ == 'ReconstructionHook':
            hook.before_train(runner)
            hook._draw(runner, 'epoch_003', 0)
        if type(hook).__name__ == 'EmbeddingHook':
            hook._embed(runner, 3)

for path in sys.argv[2:]:
    if sys.argv[1] == 'train':
        build_runner(config(path, '')).train()
    if sys.argv[1] in ('compute', 'resume'):
        build_runner(config(path, 'resumed')).train()
    if sys.argv[1] in ('compute', 'report'):
        report(config(path, 'again'))
leave_process_group()
"""


def write_run(cfg, case, folder, name):
    """A config of three epochs as a case has it, logged at every iteration; written to a file.

    Args:
        cfg: Of a run; copied.
        case: Words of 'plain', 'fused', 'averaged', 'compiled', 'inductor' and 'two' (processes).
        folder: Of all runs.
        name: Of this one.
    """
    cfg = cfg.copy()
    cfg.work_dir, cfg.experiment_name = str(folder / name), f'{folder.name}-{name}'
    cfg.train_cfg = dict(type='usfm_mm.ResumableEpochTrainLoop', max_epochs=EPOCHS, val_interval=1)
    cfg.default_hooks.checkpoint = dict(type='usfm_mm.SafeCheckpointHook', interval=1)
    cfg.default_hooks.logger = dict(type='LoggerHook', interval=1, log_metric_by_epoch=False)
    cfg.log_processor = dict(window_size=1)
    cfg.runner_type, cfg.log_level = 'usfm_mm.QuietRunner', 'WARNING'
    # Else all runs of a process share the first one's.
    cfg.visualizer.update(
        name=cfg.experiment_name, vis_backends=[dict(type='mmengine.LocalVisBackend')]
    )
    hooks = [hook for hook in cfg.get('custom_hooks', []) if 'Throughput' not in hook.type]
    cfg.custom_hooks = [*hooks, *([EMA] if 'averaged' in case else [])]
    if 'csv_path' in cfg.val_evaluator:
        cfg.val_evaluator.csv_path = f'{cfg.work_dir}/images.csv'
    for part in ('dataloader', 'evaluator', 'cfg'):
        cfg[f'test_{part}'] = cfg[f'val_{part}']
    wrappers = cfg.optim_wrapper
    for wrapper in [wrappers] if 'optimizer' in wrappers else wrappers.values():
        if isinstance(wrapper, dict):
            wrapper.optimizer.pop('fused', None)
            wrapper.optimizer.update(dict(fused=True) if 'fused' in case and NEW else {})
    if 'compiled' in case:
        # Traced and differentiated as ever. Of the C++ that is built by default ('inductor'),
        # random numbers are others, so that losses cannot be compared.
        cfg.compile = dict(backend='aot_eager')
    if 'inductor' in case:
        cfg.compile = True
    cfg.launcher = 'pytorch' if 'two' in case else 'none'
    path = folder / f'{name}.py'
    cfg.dump(path)
    return path


def call(*command):
    done = subprocess.run(
        [sys.executable, *map(str, command)], cwd=ROOT, env=ENV, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


def train_and_compute_again(files, folder, port):
    """Run all, and then in fresh processes go on from each one's second epoch, and test the last.

    Args:
        files: As :func:`write_run` returns them; those named two... run on two processes.
        folder: For the script.
        port: Free.
    """
    script = folder / 'runs.py'
    script.write_text(CODE)
    two = [path for path in files if path.name.startswith('two')]
    one = [path for path in files if path not in two]
    launch = ('-m', 'torch.distributed.run', '--nproc_per_node=2', f'--master_port={port}')
    for what in ('train', 'compute') if one else ():
        call(script, what, *one)
    if two:
        call(*launch, script, 'train', *two)
        call(*launch, script, 'resume', *two)
        call(script, 'report', *two)


def log_of(folder):
    """Rows of a run's log: those of training, and those of validation."""
    (path,) = folder.glob('2*/vis_data/scalars.json')
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    training = [row for row in rows if any('loss' in key for key in row)]
    return training, [row for row in rows if row not in training]


def check_run(folder, rel, losses=True):
    """See that losses, scores and tables of a run are those that fresh processes made.

    Args:
        folder: Its work dir.
        rel: Relative tolerance.
        losses: Compare those of each iteration too.

    Returns:
        The scores of the last epoch, and those of the first.
    """
    training, validation = log_of(folder)
    resumed, _ = log_of(folder / 'resumed')
    per_epoch = len(training) // EPOCHS
    assert len(training) == EPOCHS * per_epoch
    assert len(resumed) == per_epoch > 0, folder
    numbers = [key for key in training[-1] if 'time' not in key and key not in ('eta', 'memory')]
    assert 'loss' in ' '.join(numbers)
    for row, expected in zip(training[-per_epoch:], resumed, strict=True):
        for key in numbers if losses else ():
            # An accuracy, in percent, changes by whole pixels: a few may lie on an edge.
            near = 0.05 if 'acc' in key else rel
            assert row[key] == pytest.approx(expected[key], rel=rel, abs=near), (folder, key)
    scores = json.loads((folder / 'again' / 'scores.json').read_text())
    logged = [row for row in validation if scores.keys() <= row.keys()]
    assert scores
    assert len(logged) == EPOCHS, folder
    for key, value in scores.items():
        assert logged[-1][key] == pytest.approx(value, rel=rel, abs=rel), (folder, key)
    if (folder / 'images.csv').exists():
        check_tables(folder / 'images.csv', folder / 'again' / 'images.csv', 10 * rel)
    return logged[-1], logged[0]


def check_tables(path, again, rel):
    """See that two tables of images say the same."""
    rows, expected = (list(csv.DictReader(p.read_text().splitlines())) for p in (path, again))
    for row, other in zip(rows, expected, strict=True):
        assert row.keys() == other.keys()
        for key, value in other.items():
            try:
                number = float(value)
            except ValueError:
                assert row[key] == value, (path, key)
            else:
                assert float(row[key]) == pytest.approx(number, rel=rel, abs=rel), (path, key)


def check_panels(folder, rel):
    """See that panels, features and silhouettes of a pre-training are those made again."""
    panel, other = (
        json.loads((folder / part / 'reconstruction' / 'epoch_003.json').read_text())
        for part in ('', 'again')
    )
    for name in ('l1_reconstruction', 'l1_mean_fill'):
        assert panel[name] == pytest.approx(other[name], rel=rel), (folder, name)
    assert panel['organs'].keys() == other['organs'].keys()
    for organ, errors in panel['organs'].items():
        assert errors == pytest.approx(other['organs'][organ], rel=rel), (folder, organ)
    of = 'embedding/epoch_003'
    features, expected = (
        np.load(folder / part / f'{of}.npz')['features'] for part in ('', 'again')
    )
    np.testing.assert_allclose(features, expected, rtol=100 * rel, atol=100 * rel)
    table, other = (
        json.loads((folder / part / f'{of}.json').read_text()) for part in ('', 'again')
    )
    assert table['images'] == other['images'] > 0
    assert table['silhouette'] == pytest.approx(other['silhouette'], abs=100 * rel)
    assert table['organs'] == pytest.approx(other['organs'], abs=100 * rel)
