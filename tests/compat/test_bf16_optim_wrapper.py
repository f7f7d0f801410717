"""bfloat16 on a CPU: products in bfloat16, weights and optimizer state in float32."""

import torch
from mmengine.optim import build_optim_wrapper
from torch import nn


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
