"""Frozen encoders of one comparison give vectors that are made in one way."""

from pathlib import Path

import pytest
import torch

from support.command_line import load
from usfm_mm.compat import quiet_imports, set_up_cpu
from usfm_mm.experiments.plan import plan
from usfm_mm.experiments.reading import find_experiment, read_experiment
from usfm_mm.models import USFMViT
from usfm_mm.registry import MODELS

ARCH = dict(embed_dims=24, num_layers=2, num_heads=2, feedforward_channels=48)


@pytest.mark.parametrize('task', ['probe', 'knn'])
def test_usfms_frozen_vector_is_the_mean_of_tokens_after_its_files_norm(task, tmp_path):
    quiet_imports()
    torch.manual_seed(0)
    trained = USFMViT(arch=ARCH, img_size=32, out_type='featmap', final_norm=True)
    trained.init_weights()
    for parameter in trained.parameters():  # norm and bias tables, too
        parameter.data += 0.3 * torch.randn_like(parameter)
    state = {f'backbone.{key}': value for key, value in trained.state_dict().items()}
    file = tmp_path / 'iter_1.pth'
    torch.save(dict(state_dict=state), file)
    runs = plan(read_experiment(find_experiment('encoders')), Path('w'))
    run = next(run for run in runs if (run.method, run.task) == ('USFM', task))
    config, *options = [word.replace('data/busi', str(tmp_path)) for word in run.command]
    cfg = load(f'{config}.py', *options, '--weights', file, '--image-size', '32')
    set_up_cpu(cfg)
    backbone = MODELS.build(cfg.model.backbone)
    backbone.init_weights()
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = trained.eval()(x)[-1].mean(dim=(2, 3))
        found = backbone.eval()(x)[-1]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert cfg.model.head.in_channels == 24
