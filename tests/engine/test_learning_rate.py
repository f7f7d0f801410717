"""The learning rate that is logged and said at start."""

import json
from pathlib import Path

import pytest
from mmengine.registry import RUNNERS

from usfm_mm.engine.hooks.learning_rate import describe_rate, schedule_rates

WARM_UP = dict(type='LinearLR', start_factor=1e-3, by_epoch=True, end=2, convert_to_iter_based=True)
COSINE = dict(
    type='CosineAnnealingLR', eta_min=1e-6, by_epoch=True, begin=2, convert_to_iter_based=True
)


def decayed(config):
    config.optim_wrapper.optimizer.weight_decay = 0.05
    config.optim_wrapper.update(
        constructor='usfm_mm.LayerDecayOptimWrapperConstructor',
        paramwise_cfg=dict(layer_decay_rate=0.5),
    )
    config.default_hooks.runtime_info = dict(type='usfm_mm.LearningRateHook')
    config.experiment_name = Path(config.work_dir).parent.name
    return RUNNERS.build(config)


def test_the_rate_of_the_heads_is_logged(tiny_config):
    decayed(tiny_config).train()
    (log,) = Path(tiny_config.work_dir).glob('*/vis_data/scalars.json')
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    rates = [row['lr'] for row in rows if 'lr' in row]
    assert rates
    assert set(rates) == {1e-3}  # of the first layer: 1.25e-4


def test_peak_and_end_are_said(tiny_config):
    tiny_config.train_cfg.max_epochs = 4
    tiny_config.param_scheduler = [WARM_UP, COSINE]
    tiny_config.auto_scale_lr = dict(base_batch_size=16)
    runner = decayed(tiny_config)
    runner.train()
    text = describe_rate(runner)
    assert text.startswith('Learning rate: at most 0.001, 1e-06 at the end; of the heads')
    assert '0.12 of it' in text
    assert text.endswith('for 16 images a step, this run has 4: not scaled (--auto-scale-lr).')


def test_the_sketch_is_the_schedule():
    rates = schedule_rates([WARM_UP, COSINE], 0.01, 10)
    assert rates[0] == pytest.approx(1e-5)
    assert max(rates) == pytest.approx(0.01, rel=1e-3)
    assert rates.index(max(rates)) == pytest.approx(200, abs=2)
    assert rates[-1] == pytest.approx(1e-6, abs=1e-7)
    assert schedule_rates(None, 0.5, 2)[-1] == 0.5
    assert schedule_rates([dict(type='PolyLR', by_epoch=False, end=9)], 0.5, 2) == []
