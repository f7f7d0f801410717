"""What a model costs, counted by hand."""

import json
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from usfm_mm.engine.hooks import CostHook
from usfm_mm.evaluation.cost import measure_cost, write_cost


class Slow(nn.Module):
    """A convolution that counts its calls, and may not learn."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return self.conv(x['inputs'])


def test_parameters_and_operations_are_those_of_the_formula():
    model = Slow()
    told = measure_cost(model, model, dict(inputs=torch.zeros(4, 3, 16, 20)), seconds=0)
    assert told['parameters_m'] == (8 * 3 * 9 + 8) / 1e6
    assert told['gflops'] * 1e9 == 2 * 16 * 20 * 8 * 3 * 9  # of one image
    assert told['batch_size'] == 4
    assert model.calls == 4  # one that is counted, three that are timed
    assert model.conv.weight.grad is None


class Passing(nn.Module):
    """Hands a parameter to a module, as ViTs hand on their bias tables."""

    def __init__(self):
        super().__init__()
        self.weight, self.layer = nn.Parameter(torch.ones(5, 3)), nn.Linear(3, 2)

    def forward(self, x):
        return x @ self.layer(self.weight)


def test_parameters_may_go_into_modules_and_learn_afterwards():
    model = Passing()
    told = measure_cost(model, model, torch.zeros(4, 5), seconds=0)
    assert told['gflops'] * 1e9 == pytest.approx((2 * 5 * 3 * 2 + 2 * 4 * 5 * 2) / 4)
    assert all(weight.requires_grad for weight in model.parameters())


def test_what_cannot_be_measured_is_one_warning_and_no_file(tmp_path):
    model, told, file = Slow(), [], tmp_path / 'cost.json'
    file.write_text('{}')  # of a former test
    write_cost(file, model, lambda _: 1 / 0, torch.zeros(4, 3, 8, 8), told.append)
    assert told == [f'no {file}: the cost cannot be measured: ZeroDivisionError: division by zero']
    assert not file.exists()
    assert all(weight.requires_grad for weight in model.parameters())
    write_cost(file, model, model, dict(inputs=torch.zeros(4, 3, 8, 8)), told.append)
    assert len(told) == 1
    assert json.loads(file.read_text())['batch_size'] == 4


@pytest.mark.parametrize('fails', [False, True])
def test_the_hook_costs_no_test(tmp_path, fails):
    model, told = Slow(), []
    model.test_step = model.forward if not fails else lambda _: 1 / 0
    logger = SimpleNamespace(warning=told.append)
    runner = SimpleNamespace(model=model, work_dir=str(tmp_path), logger=logger)
    (tmp_path / 'test').mkdir()
    hook = CostHook()
    hook.after_test_iter(runner, 0, dict(inputs=torch.zeros(2, 3, 8, 8)))
    hook.after_test(runner)
    assert (tmp_path / 'test' / 'cost.json').exists() != fails
    assert len(told) == fails


def test_speed_is_that_of_the_median_step(monkeypatch):
    ticks = iter([0.0, 0.0, 1.0, 1.0, 1.5, 1.5, 3.5, 4.0])
    monkeypatch.setattr('usfm_mm.evaluation.cost.time.perf_counter', lambda: next(ticks))
    model = Slow()
    told = measure_cost(model, model, dict(inputs=torch.zeros(4, 3, 8, 8)), seconds=0)
    assert told['images_per_s'] == 4  # steps of 1.0, 0.5 and 2.0 s


def test_memory_is_more_than_what_is_held():
    held = torch.ones(2**26)  # 256 MB
    model = Slow()
    told = measure_cost(model, model, dict(inputs=torch.zeros(1, 3, 8, 8)), seconds=0)
    assert told['memory_mb'] > held.numel() * 4 / 2**20
    assert told['memory_mb'] < 2**16  # bytes, not kilobytes, would be a thousand times more
