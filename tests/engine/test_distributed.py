"""Two gloo processes train as one does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from support import own_threads
from usfm_mm.registry import MODELS

ROOT = Path(__file__).resolve().parents[2]
CPU = dict(os.environ, OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='')


def write_config(folder, tiny_config, batch_size):
    tiny_config = tiny_config.copy()
    tiny_config.work_dir = str(folder)
    tiny_config.log_level = 'INFO'
    tiny_config.train_dataloader.batch_size = batch_size
    tiny_config.model.backbone.drop_path_rate = 0.0
    tiny_config.train_cfg = dict(
        type='usfm_mm.ResumableEpochTrainLoop', max_epochs=2, val_interval=1
    )
    tiny_config.env_cfg = dict(dist_cfg=dict(backend='nccl'))  # replaced by gloo without a GPU
    tiny_config.log_processor = dict(by_epoch=True, window_size=1)
    tiny_config.custom_hooks = [
        dict(type='usfm_mm.SummaryHook'),
        dict(type='usfm_mm.IterationSeedHook'),
    ]
    tiny_config.default_hooks.checkpoint = dict(
        type='usfm_mm.SafeCheckpointHook', by_epoch=False, interval=100
    )
    tiny_config.data_root = tiny_config.train_dataloader.dataset.data_root
    folder.mkdir()
    path = folder / 'config.py'
    tiny_config.dump(path)
    return path


def curve(folder):
    (log,) = folder.glob('*/vis_data/scalars.json')
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    train = [(row['loss'], row['loss_pixel'], row['grad_norm']) for row in rows if 'loss' in row]
    val = [
        [row[key] for key in sorted(row) if key.startswith('val/')]
        for row in rows
        if 'val/total' in row
    ]
    return np.array(train), np.array(val)


@pytest.mark.slow
def test_dist_train_follows_the_single_process(tiny_config, tmp_path, free_port):
    tiny_config.optim_wrapper.clip_grad = dict(max_norm=10.0)
    env = dict(CPU, PYTHON=sys.executable, MASTER_PORT=str(free_port))
    one, two = tmp_path / 'one', tmp_path / 'two'
    single = [sys.executable, 'tools/train.py', str(write_config(one, tiny_config, 4))]
    double = ['tools/dist_train.sh', str(write_config(two, tiny_config, 2)), '2']
    for command in (single, double):
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
    assert '2 x CPU' in done.stdout
    assert '2 x 2 x 1 = 4 images per step' in done.stdout
    # The console shows the summary and progress; the hundreds of lines are in the log file.
    assert len(done.stdout.splitlines()) < 60
    assert 'torch.Size' not in done.stdout
    (log,) = two.glob('*/*.log')
    assert 'torch.Size' in log.read_text()
    (train_one, val_one), (train_two, val_two) = curve(one), curve(two)
    assert train_one.shape == (6, 3)
    assert val_one.shape == (2, 4)
    # Losses are means of equal halves, so they agree to float32 rounding; 24 validation images
    # are counted once each.
    np.testing.assert_allclose(train_two, train_one, rtol=1e-4)
    np.testing.assert_allclose(val_two, val_one, rtol=1e-4)
    assert train_one[-1, 0] < train_one[0, 0]


COUNT_THREADS = """
import os
import sys
from importlib import import_module

from support import own_threads
from usfm_mm import compat

leave = compat.leave_process_group

def leave_and_count():
    before = own_threads.count()
    leave()
    left = own_threads.wait_until(lambda number: before - number >= 3)
    with open(f'{__file__}.{os.environ["RANK"]}', 'w') as file:
        file.write(str(before - left))

compat.leave_process_group = leave_and_count
import_module(f'usfm_mm.commands.{sys.argv.pop(1)}').main()
"""


@pytest.mark.slow
@pytest.mark.skipif(not own_threads.COUNTABLE, reason='threads are counted in /proc')
@pytest.mark.parametrize('tool', ['train', 'test'])
def test_no_thread_of_gloo_outlives_a_run(tiny_config, tmp_path, free_port, tool):
    checkpoint = []
    if tool == 'test':
        for part in ('dataloader', 'evaluator', 'cfg'):
            tiny_config[f'test_{part}'] = tiny_config[f'val_{part}']
        model = MODELS.build(tiny_config.model)
        torch.save(dict(state_dict=model.state_dict(), meta={}), tmp_path / 'model.pth')
        checkpoint = [str(tmp_path / 'model.pth')]
    arguments = [tool, str(write_config(tmp_path / 'run', tiny_config, 2)), *checkpoint]
    script = tmp_path / 'count_threads.py'
    script.write_text(COUNT_THREADS)
    launch = [sys.executable, '-m', 'torch.distributed.run', '--nproc_per_node=2']
    done = subprocess.run(
        [*launch, f'--master_port={free_port}', str(script), *arguments, '--launcher', 'pytorch'],
        cwd=ROOT,
        env=dict(CPU, PYTHONPATH=os.pathsep.join([str(ROOT), *sys.path])),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    # Gloo has three at least: they need the GIL, and the process aborts if Python ends first.
    assert [int(Path(f'{script}.{rank}').read_text()) >= 3 for rank in range(2)] == [True, True]
