"""Each score that fine-tuning or enhancement logs, a fresh process makes of the checkpoint again.

The tables of images too, that is every class of every image. All runs of a task but the one on two
processes share a process, and so do their tests.
"""

import csv
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from mmengine.utils import digit_version

from support import enhancement_run
from support.downstream import brief_fine_tuning, write_data

ROOT = Path(__file__).resolve().parents[2]
ENV = dict(os.environ, OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='', PYTHONPATH=str(ROOT))
CODE = """
import json, sys
from pathlib import Path
from mmengine.config import Config
from usfm_mm.compat import set_up_cpu
from usfm_mm.config.options import build_runner

for path in sys.argv[2:]:
    cfg = Config.fromfile(path)
    if sys.argv[1] == 'train':
        set_up_cpu(cfg)
        build_runner(cfg).train()
        continue
    cfg.load_from = Path(cfg.work_dir, 'last_checkpoint').read_text()
    cfg.launcher = 'none'
    cfg.work_dir += '/again'
    cfg.test_evaluator.csv_path = cfg.work_dir + '/images.csv'
    scores = build_runner(cfg).test()
    Path(cfg.work_dir, 'scores.json').write_text(json.dumps(scores, default=float))
"""
EMA = dict(type='EMAHook', ema_type='ExponentialMovingAverage', momentum=0.3)
NEW = digit_version(torch.__version__) >= digit_version('2.4')
CASES = ['plain', 'averaged', 'two', *(['fused'] if NEW else [])]  # not on a CPU before
TASKS = {
    'segmentation': 'configs/usfm/seg_custom_upernet.py',
    'classification': 'configs/usfm/cls_custom_linear.py',
    'enhancement': 'configs/usfm/enhance_usenhance_cyclegan.py',
}


def fine_tuning(name, folder):
    pytest.importorskip('monai')
    write_data(folder / 'data', 2, 2)
    return brief_fine_tuning(name, folder / 'data')


def enhancement(name, folder):
    if find_spec('mmagic') is None:
        pytest.skip('mmagic is not installed')
    pytest.importorskip('skimage')
    pairs = enhancement_run.write_pairs(folder / 'data')
    weights = enhancement_run.write_weights(folder / 'usfm.pth')
    return enhancement_run.load(name, pairs, weights, folder)


def case_of(base, case, folder):
    """Config of one run, written to a file."""
    cfg = base.copy()
    cfg.work_dir = str(folder / case)
    cfg.experiment_name = f'{folder.name}-{case}'
    cfg.train_cfg.update(max_epochs=3, val_interval=1)
    cfg.default_hooks.checkpoint.update(by_epoch=True, interval=1, save_best=None)
    cfg.runner_type = 'usfm_mm.QuietRunner'
    cfg.log_level = 'WARNING'
    cfg.visualizer.name = cfg.experiment_name  # else all runs of a process share the first's
    cfg.visualizer.vis_backends = [dict(type='mmengine.LocalVisBackend')]
    cfg.custom_hooks = [hook for hook in cfg.custom_hooks if 'Throughput' not in hook.type]
    for part in ('dataloader', 'evaluator', 'cfg'):
        cfg[f'test_{part}'] = cfg[f'val_{part}']
    cfg.val_evaluator.csv_path = f'{cfg.work_dir}/images.csv'
    wrappers = cfg.optim_wrapper
    for wrapper in [wrappers] if 'optimizer' in wrappers else wrappers.values():
        if isinstance(wrapper, dict):
            wrapper.optimizer.pop('fused', None)
            wrapper.optimizer.update(dict(fused=True) if case in ('fused', 'two') and NEW else {})
    if case == 'averaged':
        cfg.custom_hooks.append(EMA)
    cfg.launcher = 'pytorch' if case == 'two' else 'none'
    cfg.dump(folder / f'{case}.py')
    return folder / f'{case}.py'


def call(*command):
    done = subprocess.run(
        [sys.executable, *map(str, command)], cwd=ROOT, env=ENV, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


def table(path):
    with path.open(newline='') as file:
        return list(csv.DictReader(file))


def is_number(text):
    return text.lstrip('-').replace('.', '', 1).replace('e-', '', 1).isdigit()


@pytest.mark.slow
@pytest.mark.parametrize('task', TASKS)
def test_every_score(task, tmp_path, free_port):
    if task != 'classification' and not NEW:
        pytest.skip('tried on the current stack only')
    make = enhancement if task == 'enhancement' else fine_tuning
    base = make(TASKS[task], tmp_path)
    files = {case: case_of(base, case, tmp_path) for case in CASES}
    script = tmp_path / 'run_cases.py'
    script.write_text(CODE)
    call(script, 'train', *(path for case, path in files.items() if case != 'two'))
    launch = ('-m', 'torch.distributed.run', '--nproc_per_node=2', f'--master_port={free_port}')
    call(*launch, script, 'train', files['two'])
    call(script, 'test', *files.values())
    for case in CASES:
        scores = json.loads((tmp_path / case / 'again' / 'scores.json').read_text())
        (log,) = (tmp_path / case).glob('*/vis_data/scalars.json')
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        logged = [line for line in lines if scores.keys() <= line.keys()]
        assert len(logged) == 3, case
        for name, value in scores.items():
            assert logged[-1][name] == pytest.approx(value, rel=1e-5, abs=1e-5), (case, name)
        rows, again = (table(tmp_path / case / part / 'images.csv') for part in ('', 'again'))
        for row, expected in zip(rows, again, strict=True):
            assert row.keys() == expected.keys()
            for name, value in expected.items():
                if is_number(value):
                    assert float(row[name]) == pytest.approx(float(value), rel=1e-4, abs=1e-4)
                else:
                    assert row[name] == value, (case, name)
