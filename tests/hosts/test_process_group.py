"""Configs on a machine without a GPU."""

import pytest
import torch
from mmengine.config import Config

from usfm_mm.hosts import set_up_cpu


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU')
@pytest.mark.parametrize('wrapper', [None, 'MMSeparateDistributedDataParallel', 'Own'])
def test_the_wrapper_is_told_that_there_is_no_gpu(wrapper):
    cfg = Config(dict(launcher='none', model=dict(norm_cfg=dict(type='SyncBN'))))
    if wrapper:
        cfg.model_wrapper_cfg = dict(type=wrapper, broadcast_buffers=True)
    set_up_cpu(cfg)
    ours = dict(device_ids=None, broadcast_buffers=False)
    expected = dict(type=wrapper or 'MMDistributedDataParallel', broadcast_buffers=True) | (
        {} if wrapper == 'Own' else ours
    )
    assert cfg.model_wrapper_cfg == expected
    assert cfg.model.norm_cfg.type == 'BN'
    assert cfg.env_cfg.dist_cfg.backend == 'gloo'
