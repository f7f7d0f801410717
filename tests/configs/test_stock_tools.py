"""Configs of ours, as they stand, under the hosts' own ``tools/train.py`` from their wheels."""

import json
import os
import subprocess
import sys
from pathlib import Path

import mmpretrain
import numpy as np
import pytest
import torch
from packaging.version import Version

from support.downstream import write_data
from usfm_mm.io.image import encode_png

ROOT = Path(__file__).resolve().parents[2]
# What mmseg 1.2.2 needs to be imported beside mmcv-lite: docs/drop_in.md.
RUN = 'import runpy, sys; del sys.argv[0]; runpy.run_path(sys.argv[0], run_name="__main__")'
RUN_MMSEG = f'from usfm_mm.compat import import_mmseg; import_mmseg(); {RUN}'
LOADING = ['batch_size=2', 'num_workers=0', 'persistent_workers=False']
SCHEDULE = ['train_cfg.max_epochs=2', 'param_scheduler.0.end=1', 'param_scheduler.1.begin=1']


def train(host, config, data_root, work_dir, options, run=RUN, flags=()):
    """Train through the host's script; losses of each step."""
    # Of either host: they lie beside each other, and mmseg cannot be imported everywhere.
    script = Path(mmpretrain.__file__).parents[1] / host / '.mim' / 'tools' / 'train.py'
    for name in ('train', 'val', 'test'):
        loading = [f'dataset.data_root={data_root}', *LOADING]
        options = [*options, *(f'{name}_dataloader.{option}' for option in loading)]
    options = [*options, *SCHEDULE, 'default_hooks.logger.interval=1']
    command = [sys.executable, '-c', run, script, ROOT / 'configs' / config]
    done = subprocess.run(
        [*command, '--work-dir', work_dir, *flags, '--cfg-options', *options],
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(ROOT), 'CUDA_VISIBLE_DEVICES': ''},
        cwd=work_dir.parent,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (scalars,) = work_dir.glob('*/vis_data/scalars.json')
    rows = [json.loads(line) for line in scalars.read_text().splitlines()]
    return [row['loss'] for row in rows if 'loss' in row]


@pytest.mark.slow
def test_pretraining_under_mmpretrain(tmp_path):
    rng = np.random.default_rng(0)
    rows = ['path,organ,split']
    for organ in ('heart', 'liver'):
        (tmp_path / organ).mkdir()
        for i in range(4):
            image = encode_png(rng.integers(0, 256, (64, 64), np.uint8))
            (tmp_path / organ / f'{i}.png').write_bytes(image)
            rows.append(f'{organ}/{i}.png,{organ},{"train" if i else "val"}')
    (tmp_path / 'index.csv').write_text('\n'.join(rows) + '\n')
    options = ['model.backbone.arch=tiny', 'train_dataloader.sampler.num_samples=8']
    if Version(torch.__version__) < Version('2.4'):  # has no fused AdamW for a CPU
        options.append('optim_wrapper.optimizer.fused=False')
    losses = train(
        'mmpretrain',
        'usfm/pretrain_cpu.py',
        tmp_path,
        tmp_path / 'run',
        options,
        flags=['--no-persistent-workers'],  # it sets them itself
    )
    assert len(losses) == 8
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.9 * losses[0]
    assert list((tmp_path / 'run').glob('iter_*.pth'))


@pytest.mark.slow
def test_segmentation_under_mmseg(tmp_path):
    pytest.importorskip('monai')
    write_data(tmp_path / 'data', 2, 2)
    options = [
        'env_cfg.dist_cfg.backend=gloo',
        'model.backbone.init_cfg=None',
        'model.backbone.arch=tiny',
        'model.neck.embed_dim=192',
        'model.decode_head.in_channels=[192,192,192,192]',
        'model.decode_head.channels=16',
        'model.auxiliary_head.in_channels=192',
        'model.auxiliary_head.channels=16',
    ]
    # A CPU has no SyncBN.
    parts = ('neck', 'decode_head', 'auxiliary_head')
    options += [f'model.{part}.norm_cfg.type=BN' for part in parts]
    losses = train(
        'mmseg',
        'usfm/seg_custom_upernet.py',
        tmp_path / 'data',
        tmp_path / 'run',
        options,
        run=RUN_MMSEG,
    )
    assert len(losses) == 4
    assert np.isfinite(losses).all()
    assert list((tmp_path / 'run').glob('best_DSC_epoch_*.pth'))
