"""Fine-tuning that is stopped in mid-epoch and resumed ends as if it had not been, on a CPU."""

import copy
import multiprocessing
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import RUNNERS

from support.downstream import load, narrow, write_data
from usfm_mm.compat import import_mmseg, set_up_cpu
from usfm_mm.config.options import set_data_root


def run(config_text):
    import_mmseg()
    runner = RUNNERS.build(Config.fromstring(config_text, '.py'))
    runner.train()


def train(cfg, name, tmp_path, **changes):
    """Weights after two epochs of two iterations, in a process of its own, as numerics may differ.

    It is forked from a server that has computed nothing yet.
    """
    cfg = copy.deepcopy(cfg)
    cfg.work_dir = str(tmp_path / name)
    cfg.experiment_name = f'{name}-{tmp_path.name}'
    cfg.merge_from_dict(changes)
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(['mmpretrain.models', 'mmpretrain.datasets', 'usfm_mm.models'])
    process = context.Process(target=run, args=(cfg.pretty_text,))
    process.start()
    process.join(300)
    assert process.exitcode == 0
    return torch.load(tmp_path / name / 'iter_4.pth', weights_only=True)['state_dict']


@pytest.mark.parametrize(
    'config', ['configs/usfm/seg_custom_upernet.py', 'configs/usfm/cls_custom_linear.py']
)
def test_resumed_in_mid_epoch_equals_uninterrupted(config, tmp_path):
    pytest.importorskip('monai')
    write_data(tmp_path / 'data', 2, 2)
    cfg = load(config)
    set_data_root(cfg, str(tmp_path / 'data'))
    narrow(cfg)
    set_up_cpu(cfg)
    cfg.train_cfg.max_epochs = 2
    cfg.param_scheduler[0].end = cfg.param_scheduler[1].begin = 1
    cfg.param_scheduler[1].end = 2
    cfg.default_hooks.checkpoint.update(
        by_epoch=False, interval=1, max_keep_ckpts=-1, save_best=None
    )
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.runner_type = 'usfm_mm.QuietRunner'
    cfg.log_level = 'WARNING'
    whole = train(cfg, 'whole', tmp_path)
    # In the middle of the second epoch, and with another number of workers.
    resumed = train(
        cfg,
        'resumed',
        tmp_path,
        load_from=str(tmp_path / 'whole' / 'iter_3.pth'),
        resume=True,
        train_dataloader=dict(num_workers=2),
    )
    start = torch.load(Path(tmp_path, 'whole', 'iter_3.pth'), weights_only=True)['state_dict']
    assert any(not torch.equal(start[key], value) for key, value in whole.items())
    assert whole.keys() == resumed.keys()
    for key, value in whole.items():
        assert torch.equal(value, resumed[key]), key
