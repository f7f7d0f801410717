"""Ctrl-C and SIGTERM to a whole process group, as terminals, Slurm and ``timeout`` send them."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

psutil = pytest.importorskip('psutil')

ROOT = Path(__file__).resolve().parents[2]


def write_config(tiny_config, folder, workers=0, **changes):
    config = tiny_config.copy()
    config.work_dir = str(folder)
    config.log_level = 'INFO'
    config.data_root = config.train_dataloader.dataset.data_root
    config.train_cfg = dict(
        type='usfm_mm.ResumableEpochTrainLoop', max_epochs=10**6, val_interval=10**6
    )
    config.train_dataloader.update(num_workers=workers, persistent_workers=workers > 0)
    config.val_dataloader.update(num_workers=workers, persistent_workers=workers > 0)
    config.env_cfg = dict(mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0))
    config.default_hooks.checkpoint = dict(
        type='usfm_mm.SafeCheckpointHook', by_epoch=False, interval=10**6
    )
    config.custom_hooks = [dict(type='usfm_mm.IterationSeedHook')]
    config.merge_from_dict(changes)
    folder.mkdir()
    path = folder / 'config.py'
    config.dump(path)
    return path


def start(path, processes=1, port=0):
    command = ['-m', 'torch.distributed.run', f'--nproc_per_node={processes}']
    command = [*command, f'--master_port={port}'] if processes > 1 else []
    arguments = ['tools/train.py', str(path)]
    if processes > 1:
        arguments += ['--launcher', 'pytorch']
    return subprocess.Popen(
        [sys.executable, *command, *arguments],
        cwd=ROOT,
        env=dict(os.environ, OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='', PYTHONPATH=str(ROOT)),
        stdout=open(path.with_name('out.txt'), 'w'),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def wait_for(text, path, process, seconds=120):
    out = path.with_name('out.txt')
    until = time.monotonic() + seconds
    while text not in out.read_text():
        assert process.poll() is None, out.read_text()[-3000:]
        assert time.monotonic() < until, out.read_text()[-3000:]
        time.sleep(0.1)


def members(group):
    """Processes of a group that are not yet gone."""
    found = []
    for process in psutil.process_iter(['status']):
        with contextlib.suppress(OSError):
            if os.getpgid(process.pid) == group and process.info['status'] != 'zombie':
                found.append(process.pid)
    return found


def saved(path, process, seconds=60):
    """The iteration at which a run that was asked to stop has stopped."""
    try:
        process.wait(seconds)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    text = path.with_name('out.txt').read_text()
    assert 'Traceback' not in text.replace('Traceback : to enable', ''), text[-3000:]
    pointer = Path(path.parent, 'last_checkpoint').read_text()
    meta = torch.load(pointer, weights_only=True)['meta']
    assert Path(pointer).name == f'iter_{meta["iter"]}.pth'
    until = time.monotonic() + 10
    while members(process.pid) and time.monotonic() < until:
        time.sleep(0.1)
    assert members(process.pid) == []
    return meta['iter']


@pytest.mark.slow
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize('workers', [0, 2, 8])
def test_a_signal_to_the_group_saves_first(tiny_config, tmp_path, number, workers):
    path = write_config(tiny_config, tmp_path / 'run', workers)
    process = start(path)
    wait_for('Epoch(train)', path, process)
    time.sleep(1)
    began = time.monotonic()
    os.killpg(process.pid, number)
    iteration = saved(path, process)
    assert process.returncode == 128 + number
    assert time.monotonic() - began < 15
    assert iteration >= 1
    assert f'after iteration {iteration}' in path.with_name('out.txt').read_text()


@pytest.mark.slow
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_two_processes_with_workers(tiny_config, tmp_path, free_port, number):
    path = write_config(tiny_config, tmp_path / 'run', workers=2)
    process = start(path, 2, free_port)
    wait_for('Epoch(train)', path, process)
    time.sleep(1)
    os.killpg(process.pid, number)
    # The launcher itself ends with a traceback.
    process.wait(60)
    text = path.with_name('out.txt').read_text()
    pointer = Path(path.parent, 'last_checkpoint').read_text()
    assert torch.load(pointer, weights_only=True)['meta']['iter'] >= 1, text[-3000:]
    assert 'Saved' in text


@pytest.mark.slow
def test_an_iteration_based_run_whose_workers_start_before_any_hook(tiny_config, tmp_path):
    path = write_config(tiny_config, tmp_path / 'run', workers=2)
    text = path.read_text()
    loop = "train_cfg = dict(type='IterBasedTrainLoop', max_iters=10**6, val_interval=10**6)"
    path.write_text(f'{text}\n{loop}\nlog_processor = dict(by_epoch=False)\n')
    process = start(path)
    wait_for('Iter(train)', path, process)
    os.killpg(process.pid, signal.SIGTERM)
    assert saved(path, process) >= 1
    assert process.returncode == 143


@pytest.mark.slow
def test_in_a_validation_the_iteration_is_saved_at_once(tiny_config, tmp_path):
    path = write_config(tiny_config, tmp_path / 'run', 2, **{'train_cfg.val_interval': 1})
    process = start(path)
    wait_for('Epoch(val)', path, process)
    os.killpg(process.pid, signal.SIGTERM)
    saved(path, process)
    assert process.returncode == 143


@pytest.mark.slow
def test_a_signal_to_one_of_two_ranks_stops_both(tiny_config, tmp_path, free_port):
    path = write_config(tiny_config, tmp_path / 'run', workers=2)
    process = start(path, 2, free_port)
    wait_for('Epoch(train)', path, process)
    ranks = {child.environ()['RANK']: child for child in psutil.Process(process.pid).children()}
    ranks['1'].send_signal(signal.SIGTERM)
    process.wait(60)
    text = path.with_name('out.txt').read_text()
    pointer = Path(path.parent, 'last_checkpoint').read_text()
    iteration = torch.load(pointer, weights_only=True)['meta']['iter']
    assert f'Stopped by SIGTERM after iteration {iteration}' in text
