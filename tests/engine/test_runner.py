"""What the runners log, and which checkpoints they take."""

import copy
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.registry import RUNNERS
from torch.utils.data import TensorDataset

from usfm_mm.engine.hooks.summary import SummaryHook
from usfm_mm.engine.runner import _options_of
from usfm_mm.evaluation import ReconstructionMetric
from usfm_mm.io.card import CARD_KEY, Card
from usfm_mm.registry import METRICS

ROOT = Path(__file__).resolve().parents[2]


@METRICS.register_module()
class ToldMetric(ReconstructionMetric):
    """Reports also what it is told, under a name like a loss."""

    told = (3.0, 1.0, 8.0)

    def compute_metrics(self, results):
        self.count = getattr(self, 'count', -1) + 1
        return {**super().compute_metrics(results), 'SSIM/genioglossus': self.told[self.count]}


def keep_metrics(runner):
    """What each validation of a runner gives, in a list that fills."""
    own, call_hook = [], runner.call_hook

    def keep(name, **given):
        if name == 'after_val_epoch':
            own.append(given['metrics'])
        call_hook(name, **given)

    runner.call_hook = keep
    return own


@pytest.mark.parametrize(
    ('runner_type', 'metric'),
    [('Runner', 'ReconstructionMetric'), ('usfm_mm.QuietRunner', 'ToldMetric')],
)
def test_logged_scores_are_the_metric_s_own(tiny_config, runner_type, metric):
    """Mmengine gives the mean of the validations so far for what is named like a loss."""
    config = copy.deepcopy(tiny_config)
    config.update(runner_type=runner_type, experiment_name=f'scores-{metric}')
    config.train_cfg.max_epochs = 3
    config.val_evaluator.type = f'usfm_mm.{metric}'
    runner = RUNNERS.build(config)
    own = keep_metrics(runner)
    runner.train()
    (log,) = Path(runner.work_dir).glob('*/vis_data/scalars.json')
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    logged = [row for row in rows if 'val/total' in row]
    assert len(logged) == len(own) == 3
    assert own[0]['val/total'] != pytest.approx(own[2]['val/total'], rel=1e-3)
    for row, metrics in zip(logged, own, strict=True):
        assert {name: row[name] for name in metrics} == pytest.approx(metrics)
    for name, value in own[-1].items():
        assert runner.message_hub.get_scalar(f'val/{name}').current() == pytest.approx(value)


@pytest.mark.parametrize('runner_type', ['QuietRunner', 'QuietFlexibleRunner'])
def test_only_a_checkpoint_that_fits_is_resumed_or_tested(tiny_config, tmp_path, runner_type):
    config = copy.deepcopy(tiny_config)
    config.update(runner_type=f'usfm_mm.{runner_type}', experiment_name=f'fits-{runner_type}')
    config.train_cfg.max_epochs = 1
    config.default_hooks.checkpoint = dict(type='CheckpointHook', interval=1)
    config.env_cfg = dict(dist_cfg=dict(backend='gloo'))
    for part in ('dataloader', 'evaluator', 'cfg'):
        config[f'test_{part}'] = copy.deepcopy(config[f'val_{part}'])
    RUNNERS.build(copy.deepcopy(config)).train()
    path = tmp_path / 'run' / 'epoch_1.pth'
    config.load_from = str(path)
    assert RUNNERS.build(copy.deepcopy(config)).test()['val/total'] > 0
    checkpoint = torch.load(path, weights_only=False)
    del checkpoint['state_dict']['decoder.0.bias']
    torch.save(checkpoint, tmp_path / 'less.pth')
    config.load_from = str(tmp_path / 'less.pth')
    with pytest.raises(ValueError, match=r'less\.pth cannot be loaded(?s:.)*decoder\.0\.bias'):
        RUNNERS.build(copy.deepcopy(config)).test()
    config.resume, config.train_cfg.max_epochs = True, 2
    with pytest.raises(ValueError, match=r'less\.pth cannot be loaded(?s:.)*decoder\.0\.bias'):
        RUNNERS.build(config).train()


def test_another_arch_is_one_line_not_hundreds(tiny_config, tmp_path):
    tiny_config.update(runner_type='usfm_mm.QuietRunner', experiment_name='one-line')
    runner = RUNNERS.build(tiny_config)
    torch.save({'state_dict': runner.model.state_dict(), 'meta': {}}, tmp_path / 'other.pth')
    tiny_config.model.backbone.arch.update(embed_dims=24, feedforward_channels=48)
    tiny_config.update(resume=True, load_from=str(tmp_path / 'other.pth'), experiment_name='two')
    with pytest.raises(ValueError, match='same --arch.*size mismatch.*more like it') as error:
        RUNNERS.build(tiny_config).train()
    assert len(str(error.value)) < 700
    assert len(str(error.value).splitlines()) == 1


def test_a_checkpoint_of_another_size_tells_its_options(tiny_config, tmp_path):
    model = dict(backbone=dict(arch='tiny'))
    card = Card('segment', 'tiny', (112, 112), 3, [1.0], [1.0])
    card.config = dict(model=model, image_size=112)
    torch.save({'meta': {CARD_KEY: card.to_dict()}, 'state_dict': {}}, tmp_path / 'a.pth')
    tiny_config.update(image_size=224)
    expected = 'It was trained with --arch tiny --image-size 112: give these. '
    assert _options_of(str(tmp_path / 'a.pth'), tiny_config) == expected
    tiny_config.model.backbone.arch = 'tiny'
    assert _options_of(str(tmp_path / 'a.pth'), tiny_config) == ''
    assert _options_of(str(tmp_path), tiny_config) == ''


@pytest.mark.parametrize('by_epoch', [True, False])
def test_the_summary_needs_no_organs(build_run, by_epoch):
    runner = build_run([])
    if not by_epoch:
        runner._train_loop = dict(type='IterBasedTrainLoop', max_iters=7)
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner.train_loop.dataloader.__dict__['dataset'] = TensorDataset(torch.zeros(5, 1))
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    messages = []
    runner.logger.info = messages.append
    SummaryHook().before_train(runner)
    assert re.search(r'images +5 ', messages[0])
    assert ('2 epochs x 3 iterations' if by_epoch else '7 iterations') in messages[0]


def test_fewer_images_than_a_batch_are_told_before_the_start(tiny_config):
    tiny_config.update(runner_type='usfm_mm.QuietRunner', experiment_name='few')
    tiny_config.train_dataloader.update(batch_size=64, drop_last=True)
    with pytest.raises(ValueError, match='12 training images .* fewer than a batch of 64'):
        RUNNERS.build(tiny_config).train()


NOISE = """
import sys
from usfm_mm.commands.train import main
sys.argv[1:] = ['{config}']
main()
"""


@pytest.mark.slow
def test_the_console_has_no_warning_of_the_hosts(tiny_config, tmp_path):
    tiny_config.merge_from_dict(
        {
            'log_level': 'INFO',
            'custom_hooks': [dict(type='usfm_mm.SummaryHook')],
            'train_cfg.max_epochs': 1,
            'train_dataloader': dict(num_workers=8, persistent_workers=True, batch_size=2),
            'default_hooks.checkpoint.type': 'usfm_mm.SafeCheckpointHook',
        }
    )
    tiny_config.dump(tmp_path / 'config.py')
    done = subprocess.run(
        [sys.executable, '-c', NOISE.format(config=tmp_path / 'config.py')],
        cwd=ROOT,
        env=dict(os.environ, PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for text in ('MultiScaleDeformable', 'OneDL', 'DataLoader will create', 'Warning'):
        assert text not in done.stdout + done.stderr, text
    assert '8 workers per process' in done.stdout
