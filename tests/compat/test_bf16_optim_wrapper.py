"""bfloat16 on a CPU: products in bfloat16, weights and optimizer state in float32."""

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from torch import nn

from usfm_mm.compat import bf16_optim_wrapper


def test_products_are_bfloat16_and_weights_float32():
    torch.manual_seed(0)
    model = nn.Linear(8, 4)
    exact = nn.Linear(8, 4)
    exact.load_state_dict(model.state_dict())
    wrapper = build_optim_wrapper(
        model, dict(type='usfm_mm.BF16OptimWrapper', optimizer=dict(type='SGD', lr=0.1))
    )
    x = torch.randn(16, 8)
    with wrapper.optim_context(model):
        out = model(x)
    assert out.dtype == torch.bfloat16
    wrapper.update_params(out.float().square().mean())
    exact(x).square().mean().backward()
    expected = exact.weight - 0.1 * exact.weight.grad
    assert model.weight.dtype == torch.float32
    torch.testing.assert_close(model.weight, expected, atol=2e-3, rtol=0)
    assert not torch.equal(model.weight, exact.weight)
    assert model(x).dtype == torch.float32


X86 = 'model name : A\nflags : fpu avx2 avx512f{}\nbugs : spectre_v1\n'


@pytest.mark.parametrize(
    ('told', 'native'),
    [
        (X86.format(' avx512_bf16'), True),
        (X86.format(' amx_bf16 amx_tile'), True),
        (X86.format(''), False),
        ('Features : fp asimd bf16\n', True),
        (None, False),  # not Linux
    ],
)
def test_only_native_stays_with_float32_elsewhere(monkeypatch, tmp_path, told, native):
    path = tmp_path / 'cpuinfo'
    if told:
        path.write_text(told)
    monkeypatch.setattr(bf16_optim_wrapper, '_CPUINFO', path)
    bf16_optim_wrapper.computes_bf16.cache_clear()
    model = nn.Linear(8, 4)
    sgd = dict(type='SGD', lr=0.1)
    kind = 'usfm_mm.BF16OptimWrapper'
    wrapper = build_optim_wrapper(model, dict(type=kind, only_native=True, optimizer=sgd))
    with wrapper.optim_context(model):
        assert (model(torch.ones(1, 8)).dtype == torch.bfloat16) is native
    always = build_optim_wrapper(model, dict(type=kind, optimizer=sgd))
    with always.optim_context(model):
        assert model(torch.ones(1, 8)).dtype == torch.bfloat16
    bf16_optim_wrapper.computes_bf16.cache_clear()
