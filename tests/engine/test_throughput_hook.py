"""The speed measurement against a clock of our own, formulas, and two processes."""

import json
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.logging import MessageHub, MMLogger

import usfm_mm.engine.hooks.throughput as throughput
from support.two_ranks import on_two_ranks
from usfm_mm.engine.hooks import ThroughputHook
from usfm_mm.evaluation.flops import count_flops, matmul_peak
from usfm_mm.evaluation.throughput import Span, batch_size_of, summarise
from usfm_mm.models import USFMPretrainer


class FakeRun:
    """Drives the hook through a training of one linear layer on a clock that it sets."""

    def __init__(self, hook: ThroughputHook, folder: Path) -> None:
        self.now = 100.0
        self.hook = hook
        hook._clock = lambda: self.now
        self.model = torch.nn.Linear(3, 5, bias=False)
        self.runner = SimpleNamespace(
            model=self.model,
            optim_wrapper=SimpleNamespace(optim_context=nullcontext),
            work_dir=str(folder),
            message_hub=MessageHub(f'fake-{id(self)}'),
            logger=MMLogger.get_instance(f'fake-{id(self)}'),
        )

    def iteration(self, wait: float, compute: float, images: int = 4) -> None:
        batch = dict(inputs=torch.ones(images, 3))
        self.now += wait
        self.hook.before_train_iter(self.runner, 0, batch)
        self.model(batch['inputs']).sum().backward()
        self.now += compute
        self.hook.after_train_iter(self.runner, 0, batch)

    def records(self) -> list[dict]:
        lines = Path(self.runner.work_dir, 'throughput.json').read_text().splitlines()
        return [json.loads(line) for line in lines]


def test_against_a_fake_clock(tmp_path, monkeypatch):
    monkeypatch.setattr(throughput, 'matmul_peak', lambda device, dtype: 1000.0)
    hook = ThroughputHook(skip_iters=2, window=2)
    run = FakeRun(hook, tmp_path)
    hook.before_train(run.runner)
    run.now += 50  # before the first epoch
    hook.before_train_epoch(run.runner)
    run.iteration(30, 10)  # skipped
    run.iteration(30, 10)  # skipped
    run.iteration(0.5, 1.5)
    run.iteration(0.0, 2.0)
    run.now += 1000  # end of the epoch and validation
    hook.before_val(run.runner)
    run.now += 1000
    hook.after_val(run.runner)
    hook.before_train_epoch(run.runner)
    run.iteration(1.0, 1.0)
    hook.before_val(run.runner)  # in the midst of an iteration-based run
    run.now += 1000
    hook.after_val(run.runner)
    run.iteration(0.0, 6.0)
    run.iteration(0.0, 1.0)
    hook.after_train(run.runner)

    (record,) = run.records()
    assert record['iterations'] == 5
    assert record['images'] == 20
    assert record['seconds'] == pytest.approx(13)
    assert record['images_per_s'] == pytest.approx(20 / 13)
    assert record['data_share'] == pytest.approx(1.5 / 13)
    # A linear layer: forward 2*3*5, and its weight's gradient as much; the input has none.
    assert record['flops_per_image'] == 2 * 2 * 3 * 5
    assert record['flops_per_s'] == pytest.approx(60 * 20 / 13)
    assert record['share_of_peak'] == pytest.approx(0.06 * 20 / 13)
    assert record['dtype'] == 'float32'
    assert (record['world_size'], record['batch_size']) == (1, 4)
    # What the logger shows: the last two iterations before the last one.
    scalars = run.runner.message_hub.log_scalars
    assert scalars['train/images_per_s'].current() == pytest.approx(8 / 8)
    assert scalars['train/data_share'].current() == pytest.approx(1 / 8)


def test_a_resumed_run_counts_only_itself_and_appends(tmp_path):
    hook = ThroughputHook(skip_iters=1, measure_peak=False)
    run = FakeRun(hook, tmp_path)
    for seconds in (1.0, 2.0):
        run.runner.iter = 1000  # the iterations of former runs must not matter
        hook.before_train(run.runner)
        hook.before_train_epoch(run.runner)
        for _ in range(3):
            run.iteration(0, seconds)
        hook.after_train(run.runner)
    assert [(r['iterations'], r['images_per_s']) for r in run.records()] == [(2, 4.0), (2, 2.0)]
    assert run.records()[0]['share_of_peak'] is None


def test_too_short_a_run_leaves_no_numbers(tmp_path):
    hook = ThroughputHook(skip_iters=5)
    run = FakeRun(hook, tmp_path)
    hook.before_train(run.runner)
    run.iteration(0, 1)
    hook.after_train(run.runner)
    assert not Path(tmp_path, 'throughput.json').exists()


def test_ranks_add_up():
    def rank(seconds: float, waiting: float, peak: float | None) -> dict:
        return dict(total=Span(4, 16, 3 * seconds, waiting), flops_per_image=10.0, peak=peak)

    result = summarise([rank(1, 0.6, 300.0), rank(2, 0.0, 100.0)])
    assert result['images'] == 32
    assert result['images_per_s'] == pytest.approx(32 / 6)
    assert result['data_share'] == pytest.approx((0.2 + 0.0) / 2)
    assert result['peak_flops_per_s'] == 400
    assert result['share_of_peak'] == pytest.approx(320 / 6 / 400)
    assert summarise([rank(1, 0, 300.0), rank(2, 0, None)])['share_of_peak'] is None


@pytest.mark.parametrize('fused', [False, True])
def test_flops_of_a_vit_equal_the_formula(fused):
    dims, layers, hidden, size, patch, batch = 48, 2, 96, 64, 16, 2
    model = USFMPretrainer(
        backbone=dict(
            type='usfm_mm.USFMViT',
            arch=dict(embed_dims=dims, num_layers=layers, num_heads=3, feedforward_channels=hidden),
            img_size=size,
            in_channels=1,
            out_type='featmap',
            final_norm=True,
            fused_attention=fused,
        ),
        data_preprocessor=dict(type='usfm_mm.DualMaskDataPreprocessor', mean=[0.0], std=[255.0]),
    )
    images = torch.rand(batch, 1, size, size)
    with count_flops() as counter:
        sum(model.loss(images, dict(target=images)).values()).backward()

    patches = (size // patch) ** 2
    tokens = patches + 1
    linear = tokens * (4 * dims * dims + 2 * dims * hidden)
    attention = 2 * tokens * tokens * dims
    embedding = patches * patch**2 * dims
    decoder = patches * patch**2 * dims
    forward = 2 * (layers * (linear + attention) + embedding + decoder)
    # Backward: the gradients of weights and of inputs, but images need none.
    backward = 2 * forward - 2 * embedding
    assert counter.get_total_flops() == batch * (forward + backward)


def test_flops_of_fused_attention():
    batch, heads, tokens, dims = 2, 3, 5, 16
    q, k, v = (torch.rand(batch, heads, tokens, dims, requires_grad=True) for _ in range(3))
    product = 2 * batch * heads * tokens * tokens * dims
    with count_flops() as counter:
        out = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    assert counter.get_total_flops() == 2 * product
    with count_flops() as counter:
        out.sum().backward()
    # Four gradients, and the logits once more, which the fused kernel doesn't keep.
    assert counter.get_total_flops() == 5 * product


def test_batches_of_the_hosts():
    image = torch.zeros(1, 4, 4)
    assert batch_size_of(dict(organ_id=torch.zeros(3), inputs=torch.zeros(5, 1, 4, 4))) == 5
    assert batch_size_of(dict(inputs=[image] * 3, data_samples=[0] * 3)) == 3
    assert batch_size_of(dict(inputs=dict(img_A=[image] * 2, img_B=[image] * 2))) == 2
    assert batch_size_of((torch.zeros(6, 1), torch.zeros(6))) == 6
    with pytest.raises(ValueError, match='cannot count'):
        batch_size_of({})


def test_peak_is_the_device_s_and_leaves_random_numbers_alone():
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    peak = matmul_peak(torch.device('cpu'), torch.float32, seconds=0.05)
    assert torch.equal(torch.rand(2), expected)
    assert 1e8 < peak < 1e14


def test_in_a_real_run(build_run):
    hook = dict(type='usfm_mm.ThroughputHook', skip_iters=1, window=2, measure_peak=False)
    bf16 = {'optim_wrapper.type': 'usfm_mm.BF16OptimWrapper'}
    runner = build_run([hook], **bf16)
    runner.train()
    record = json.loads(Path(runner.work_dir, 'throughput.json').read_text())
    assert record['dtype'] == 'bfloat16'
    assert record['iterations'] == 5
    assert record['images'] == 20
    assert 0 < record['data_share'] < 1
    assert record['images_per_s'] == pytest.approx(20 / record['seconds'])
    # Shown by the logger, and so in the log file of scalars.
    (log,) = Path(runner.work_dir).glob('*/vis_data/2*.json')
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [('images_per_s' in line) for line in lines if 'loss' in line][-1]


def _speed_of_rank(rank, folder):
    now = 0.0
    hook = ThroughputHook(skip_iters=1, window=1, measure_peak=False)
    hook._clock = lambda: now
    runner = SimpleNamespace(
        model=torch.nn.Linear(3, 5),
        work_dir=folder,
        optim_wrapper=SimpleNamespace(optim_context=nullcontext),
        message_hub=MessageHub('x'),
        logger=MMLogger.get_instance('x'),
    )
    hook.before_train(runner)
    hook.before_train_epoch(runner)
    batch = dict(inputs=torch.ones(4, 3))
    for _ in range(4):
        hook.before_train_iter(runner, 0, batch)
        now += 1.0 + rank
        hook.after_train_iter(runner, 0, batch)
    hook.after_train(runner)
    return runner.message_hub.get_scalar('train/images_per_s').current()


def test_two_processes_count_each_image_once(tmp_path, free_port):
    shown = on_two_ranks(_speed_of_rank, free_port, str(tmp_path))
    # While training, each rank takes the other for as fast as itself.
    assert shown == [2 * 4 / 1, 2 * 4 / 2]
    (line,) = (tmp_path / 'throughput.json').read_text().splitlines()
    record = json.loads(line)
    assert record['world_size'] == 2
    assert record['batch_size'] == 8
    assert record['images'] == 2 * 3 * 4
    # Rank 1 is the slower one, 2 s per iteration.
    assert record['images_per_s'] == pytest.approx(8 / 2)
    assert record['seconds'] == pytest.approx(6)
