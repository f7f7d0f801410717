"""torch.compile sees the pre-training step as one graph."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from benchmarks.peak_memory import make_batch
from support.downstream import ROOT

dynamo = pytest.importorskip('torch._dynamo')
CONFIGS = ('usfm/pretrain_3mus', 'ablations/pretrain_usfm_wof')


@pytest.mark.slow
@pytest.mark.parametrize('name', CONFIGS)
@pytest.mark.skipif(torch.__version__ < '2.4', reason='torch 2.1 breaks at autocast')
def test_no_graph_breaks(name):
    cfg = Config.fromfile(ROOT / f'configs/{name}.py')
    cfg.model.backbone.update(
        img_size=64,
        arch=dict(embed_dims=48, num_layers=3, num_heads=3, feedforward_channels=96),
    )
    init_default_scope(cfg.default_scope)
    model = MODELS.build(cfg.model)
    model.train()
    assert model.backbone.layers[2].drop_path.drop_prob > 0

    def step(data):  # as mmengine's train_step, without the update
        with torch.autocast('cpu', torch.bfloat16):
            data = model.data_preprocessor(data, True)
            return model.parse_losses(model(**data, mode='loss'))[0]

    step(make_batch(2, 64))  # empty bands are warned of once, outside the graph
    dynamo.reset()
    try:
        found = dynamo.explain(step)(make_batch(2, 64))
    finally:
        dynamo.reset()
    assert [reason.reason for reason in found.break_reasons] == []
    assert (found.graph_count, found.graph_break_count) == (1, 0)
