"""CycleGAN trained on two gloo ranks as on one."""

from importlib.util import find_spec

import pytest
import torch
from mmengine import MessageHub
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, DefaultScope

from support.tiny_cyclegan import tiny_cyclegan
from support.two_ranks import on_two_ranks
from usfm_mm.compat import SyncedGAN, import_mmagic

if find_spec('mmagic') is None:
    pytest.skip('mmagic is not installed', allow_module_level=True)


def step(rank, rows, seed, wrapper):
    """Weights after a step on some rows of a batch of two, by SGD: linear in the gradient."""
    torch.set_num_threads(1)
    import_mmagic()
    torch.manual_seed(seed)
    backbone = dict(
        type='usfm_mm.USFMViT',
        arch=dict(embed_dims=24, num_layers=1, num_heads=3, feedforward_channels=24),
        img_size=32,
        in_channels=1,
    )
    optimizer = dict(type=wrapper, optimizer=dict(type='SGD', lr=0.1))
    optimizers = dict(
        constructor='MultiOptimWrapperConstructor', generators=optimizer, discriminators=optimizer
    )
    with DefaultScope.overwrite_default_scope('mmagic'):
        model = MODELS.build(tiny_cyclegan(backbone, 1, 0.1))
        model.init_weights()
        # In double precision: the L1 losses have kinks, over which rounding would step.
        model.double()
        model.data_preprocessor.register_forward_hook(
            lambda _, __, data: dict(
                data, inputs={key: value.double() for key, value in data['inputs'].items()}
            )
        )
        extractor = model.generators['A'].extractor.fingerprint()
        wrapped = model
        if torch.distributed.is_initialized():
            wrapped = SyncedGAN(model)
        optim_wrapper = build_optim_wrapper(wrapped, optimizers)
    MessageHub.get_current_instance().update_info('iter', 0)
    from mmagic.structures import DataSample

    images = torch.arange(2 * 2 * 32 * 32).view(2, 2, 1, 32, 32) * 7 % 251
    batch = dict(inputs=[], data_samples=[])
    for pair in images[rows].to(torch.uint8):
        batch['inputs'].append(dict(img_A=pair[0], img_B=pair[1]))
        batch['data_samples'].append(DataSample(img_A=pair[0], img_B=pair[1]))
    wrapped.train()
    wrapped.train_step(batch, optim_wrapper)
    return dict(model.state_dict(), extractor=extractor)


def step_of_rank(rank, wrapper):
    # Of the two seeds the first rank's counts, for the random extractor too.
    return step(rank, [rank], rank, wrapper)


def test_two_processes_step_as_one(free_port):
    first, second = on_two_ranks(step_of_rank, free_port, 'usfm_mm.SyncedOptimWrapper')
    alone = step(0, [0, 1], 0, 'usfm_mm.SyncedOptimWrapper')
    for key, value in alone.items():
        assert torch.equal(first[key], second[key]), key
        torch.testing.assert_close(first[key], value, rtol=1e-9, atol=1e-12)
