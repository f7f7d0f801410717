"""Memory that is counted: of tensors, of what autograd keeps, and on both fake devices."""

import gc

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope

from benchmarks.fake_cuda import fake_values, move
from benchmarks.peak_memory import CONFIG, LiveBytes, cuda_autocast, fitting, make_batch, step_peak

if torch.__version__ < '2.4':
    pytest.skip('fake tensors of torch 2.1 lack operators', allow_module_level=True)

TINY = dict(embed_dims=48, num_layers=2, num_heads=3, feedforward_channels=96)


def test_counts_what_lives_and_what_autograd_keeps():
    with LiveBytes() as live:
        x = torch.zeros(1000, requires_grad=True)  # 4,000 bytes: eight blocks of 512
        assert live.now == 4096
        view = x[:10]
        assert live.now == 4096
        y = x.exp()
        total = y.sum()
        assert live.now == 2 * 4096 + 512
        del y, view  # the backward pass of exp needs y
        assert live.now == 2 * 4096 + 512
        total.backward()
        del total
        assert live.now == 2 * 4096  # x and its gradient
        assert live.peak >= 3 * 4096
        del x
        assert live.now == 0


@pytest.mark.parametrize('recompute', [False, True])
def test_memory_grows_by_the_image(recompute):
    points = {count: step_peak(TINY, count, recompute, 64) for count in (16, 32, 64)}
    assert points[64] - points[32] == pytest.approx(2 * (points[32] - points[16]), rel=0.02)


def test_weights_and_their_state_are_in_it():
    cfg = Config.fromfile(CONFIG)
    cfg.model.backbone.arch = TINY
    init_default_scope(cfg.default_scope)
    parameters = sum(p.numel() for p in MODELS.build(cfg.model).parameters())
    # Weights, gradients and two moments, float32.
    assert step_peak(TINY, 1) > 16 * parameters


def test_recomputing_takes_less():
    deep = dict(TINY, num_layers=8)
    assert step_peak(deep, 32, True, 64) < 0.7 * step_peak(deep, 32, False, 64)


@pytest.mark.parametrize('size', [64, 224])
def test_forward_pass_takes_the_same_on_both_devices(size):
    found = {}
    for device in ('cpu', 'cuda'):
        cfg = Config.fromfile(CONFIG)
        cfg.model.backbone.update(arch=TINY, img_size=size, fused_attention=True)
        init_default_scope(cfg.default_scope)
        with fake_values(), cuda_autocast(), LiveBytes() as live:
            model = MODELS.build(cfg.model)
            move(model, device)
            model.train()
            wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
            for _ in range(2):  # PyTorch fills caches at first
                gc.collect()
                with wrapper.optim_context(model):
                    batch = model.data_preprocessor(make_batch(8, size), True)
                    losses = model(**batch, mode='loss')
                    found[device] = live.now
                del losses, batch
    assert found['cuda'] == found['cpu']


@pytest.mark.parametrize(
    ('gigabytes', 'expected'),
    # 1 GB and 0.1 GB an image: 0.9 of the memory without 0.8 GB, as 1 + 0.1 b.
    [(10.8, 80), (1.9, 0), (2.1, 1), (2.5, 4), (2.79, 4), (3.2, 8)],
)
def test_fits(gigabytes, expected):
    assert fitting({16: int(2.6e9), 32: int(4.2e9)}, gigabytes) == expected


def test_of_two_rates_the_one_that_needs_more_counts():
    few = {16: 2_000_000_000, 32: 2_160_000_000}  # 0.01 GB an image above 1.84
    many = {512: 10_240_000_000, 1024: 20_480_000_000}  # 0.02 GB an image
    assert fitting(few | many, 80) == int((80 - 0.8) * 0.9 / 0.02) // 8 * 8
    assert fitting(few | many, 3) == int(((3 - 0.8) * 0.9 - 1.84) / 0.01) // 8 * 8
