"""Speed of a training run, measured while it runs."""

import json
import statistics
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import all_gather_object, barrier, get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapperDict
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from usfm_mm.compat.message_hub import forget_unsaved
from usfm_mm.registry import HOOKS


@dataclass
class _Span:
    """Iterations taken together."""

    iterations: int = 0
    images: int = 0
    seconds: float = 0.0
    waiting: float = 0.0

    def __add__(self, other: '_Span') -> '_Span':
        return _Span(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


@HOOKS.register_module()
class ThroughputHook(Hook):
    """Measures images/s, waiting for data, FLOP/s, their share of the device's peak, and memory.

    While training, ``images_per_s`` (all ranks together) and ``data_share`` (of the time, spent
    waiting for the data loader) appear in the log. At the end one JSON line is appended to
    ``work_dir/throughput.json`` and a summary is logged.

    - *Time* runs over the training epochs of this process, from the first iteration after
      ``skip_iters``: with other hooks' work in an epoch, such as saving checkpoints, without
      validation. A resumed run counts only what it did itself. CUDA is synchronised once per
      window, not per iteration.
    - *FLOPs* are counted by PyTorch's ``FlopCounterMode`` during the run's first iteration,
      forward and backward, on the real batch: no extra pass, no second formula to keep in step
      with the model. It counts matrix products, convolutions and fused attention (2 per
      multiply-add), recomputation by gradient checkpointing included, since the device does it;
      it doesn't count Fourier transforms, norms and the like. A compiled model runs that iteration
      uncompiled.
    - *Peak* is the median rate of a square matrix product in the run's dtype (that of
      autocast, where used), measured on all ranks at the same time, for about a second at the end.
    - *Memory* is the largest allocation on a CUDA device (mmengine's logger resets PyTorch's
      counter when it logs, so those iterations are left out), else the largest resident set of
      the training process (without the data loader's workers).

    Args:
        skip_iters: Iterations of this run that aren't measured, at least 1, since the first one
            starts workers, is counted and may compile.
        window: Iterations per measurement; the median is over windows.
        measure_peak: Measure the device's peak at the end.

    Raises:
        ValueError: If ``skip_iters`` or ``window`` is below 1.
    """

    # Last, so that after_train_iter ends an iteration after all other hooks have worked, and what
    # then passes until the next iteration is waiting for data.
    priority = 'LOWEST'

    def __init__(self, skip_iters: int = 5, window: int = 20, measure_peak: bool = True) -> None:
        if skip_iters < 1 or window < 1:
            raise ValueError(
                f'skip_iters and window must be at least 1, got {skip_iters} and {window}'
            )
        self.skip_iters = skip_iters
        self.window = window
        self.measure_peak = measure_peak
        self._clock = time.perf_counter

    def after_load_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Keep the speed of a former run, which is not resumed, from being missed."""
        forget_unsaved(checkpoint)

    def before_train(self, runner: Any) -> None:
        """Start counting anew."""
        self._done = 0  # iterations of this run
        self._mark = self._clock()  # where the current iteration's time began
        self._waiting = 0.0
        self._open = _Span()
        self._windows: list[_Span] = []
        self._recent: deque[_Span] = deque(maxlen=self.window)
        self._flops_per_image: float | None = None
        self._batch_size = 0
        self._memory = 0
        self._counting: ExitStack | None = None
        self._counter = count_flops()
        self._device = _device_of(runner.model)

    def before_train_epoch(self, runner: Any) -> None:
        """Leave out what passed since the last epoch, such as validation."""
        self._mark = self._clock()

    def before_val(self, runner: Any) -> None:
        """Stop the clock for a validation in the midst of an iteration-based run."""
        self._validation_began = self._clock()

    def after_val(self, runner: Any) -> None:
        """Let the clock go on."""
        if hasattr(self, '_mark'):
            self._mark += self._clock() - self._validation_began

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        """Note the time spent waiting for the batch; show the recent speed."""
        self._waiting = self._clock() - self._mark
        if self._recent:
            recent = sum(self._recent, _Span())
            hub = runner.message_hub
            rate = get_world_size() * recent.images / recent.seconds
            hub.update_scalar('train/images_per_s', rate, resumed=False)
            hub.update_scalar('train/data_share', recent.waiting / recent.seconds, resumed=False)
        if self._done == 0:
            self._batch_size = batch_size_of(data_batch)
            self._start_counting(runner)

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Note the time of the iteration."""
        if self._counting is not None:
            self._counting.close()
            self._counting = None
            self._flops_per_image = self._counter.get_total_flops() / self._batch_size or None
        self._done += 1
        ends_window = self._open.iterations + 1 == self.window
        if self._device.type == 'cuda':
            self._memory = max(self._memory, torch.cuda.max_memory_allocated(self._device))
            if ends_window or self._done == self.skip_iters:
                torch.cuda.synchronize(self._device)
        now = self._clock()
        span = _Span(1, batch_size_of(data_batch), now - self._mark, self._waiting)
        self._mark = now
        if self._done <= self.skip_iters:
            return
        self._recent.append(span)
        self._open += span
        if ends_window:
            self._windows.append(self._open)
            self._open = _Span()

    def _start_counting(self, runner: Any) -> None:
        stack = ExitStack()
        # Under a dispatch mode, torch.compile gives a function up for good instead of compiling it
        # at the next call.
        if hasattr(torch.compiler, 'set_stance'):  # from torch 2.6 on
            if 'torch._dynamo' in sys.modules:
                stack.enter_context(torch.compiler.set_stance('force_eager'))
        elif getattr(runner, 'cfg', {}).get('compile'):
            runner.logger.info('ThroughputHook: FLOPs are not counted beside torch.compile')
            return
        stack.enter_context(self._counter)
        self._counting = stack

    def after_train(self, runner: Any) -> None:
        """Gather the ranks' measurements, log them and append them to the JSON file."""
        windows = self._windows + ([self._open] if self._open.iterations else [])
        if not windows:
            runner.logger.warning(
                f'ThroughputHook: nothing measured, since the run had {self._done} iterations '
                f'and the first {self.skip_iters} are skipped: lower skip_iters'
            )
            return
        dtype = _compute_dtype(runner)
        memory = self._memory or _resident_peak()
        peak = None
        if self.measure_peak:
            barrier()  # processes that share a device share its peak
            peak = matmul_peak(self._device, dtype)
        measured = dict(
            windows=windows, flops_per_image=self._flops_per_image, memory=memory, peak=peak
        )
        ranks = all_gather_object(measured)
        if not is_main_process():
            return
        record = dict(
            device=_device_name(self._device),
            world_size=len(ranks),
            batch_size=self._batch_size * len(ranks),
            dtype=str(dtype).removeprefix('torch.'),
            torch=torch.__version__,
            **summarise(ranks),
        )
        with Path(runner.work_dir, 'throughput.json').open('a') as file:
            file.write(json.dumps(record) + '\n')
        runner.logger.info(_in_words(record))


def summarise(ranks: Sequence[dict]) -> dict[str, float | int | None]:
    """Put the measurements of all ranks together.

    Args:
        ranks: Per rank ``windows`` (spans of iterations), ``flops_per_image``, ``memory`` in bytes
            and ``peak`` in FLOP/s, the last three None where unknown.

    Returns:
        ``iterations`` and ``images`` (all ranks) and ``seconds`` measured; ``images_per_s``
        (median over windows) and ``images_per_s_overall``; ``data_share`` of the time (mean over
        ranks); ``flops_per_image``; ``flops_per_s`` at the median rate; ``peak_flops_per_s``, the
        sum over ranks; ``share_of_peak``; and ``memory_bytes``, the largest of a rank.
    """
    # The slowest rank's clock: ranks wait for each other at every step.
    rates = [
        sum(span.images for span in spans) / max(span.seconds for span in spans)
        for spans in zip(*(rank['windows'] for rank in ranks), strict=True)
    ]
    totals = [sum(rank['windows'], _Span()) for rank in ranks]
    images, seconds = sum(t.images for t in totals), max(t.seconds for t in totals)
    flops = ranks[0]['flops_per_image']
    peaks = [rank['peak'] for rank in ranks]
    peak = None if None in peaks else sum(peaks)
    rate = statistics.median(rates)
    achieved = None if flops is None else flops * rate
    memories = [rank['memory'] for rank in ranks if rank['memory'] is not None]
    return dict(
        iterations=totals[0].iterations,
        images=images,
        seconds=seconds,
        images_per_s=rate,
        images_per_s_overall=images / seconds,
        data_share=statistics.fmean(t.waiting / t.seconds for t in totals),
        flops_per_image=flops,
        flops_per_s=achieved,
        peak_flops_per_s=peak,
        share_of_peak=None if achieved is None or peak is None else achieved / peak,
        memory_bytes=max(memories, default=None),
    )


def batch_size_of(batch: Any) -> int:
    """Number of images of a batch, as any OpenMMLab host collates it.

    Args:
        batch: A tensor ``[B, ...]``, a list with one entry per image, or a dict or tuple of these,
            of which ``inputs`` is counted, else the first entry.

    Raises:
        ValueError: If there is nothing to count.
    """
    if isinstance(batch, Mapping) and batch:
        return batch_size_of(batch['inputs'] if 'inputs' in batch else next(iter(batch.values())))
    if isinstance(batch, tuple) and batch:
        return batch_size_of(batch[0])
    if isinstance(batch, (torch.Tensor, list)):
        return len(batch)
    raise ValueError(f'ThroughputHook cannot count the images of a batch of {type(batch)}')


def count_flops() -> FlopCounterMode:
    """PyTorch's counter of floating-point operations, with what it lacks on a CPU.

    Returns:
        A context manager; ``get_total_flops()`` is the number of operations within it.
    """

    def attention(query: Any, key: Any, value: Any, *args: Any, **kwargs: Any) -> int:
        return sdpa_flop_count(query, key, value)

    def attention_backward(grad: Any, query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
        return sdpa_backward_flop_count(grad, query, key, value)

    aten, name = torch.ops.aten, '_scaled_dot_product_flash_attention_for_cpu'
    mapping: dict[Any, Any] = {}
    if hasattr(aten, name):  # torch < 2.2 uses the operator for CUDA, which the counter knows
        mapping[getattr(aten, name)] = attention
        mapping[getattr(aten, f'{name}_backward')] = attention_backward
    return FlopCounterMode(display=False, custom_mapping=mapping)


def matmul_peak(device: torch.device, dtype: torch.dtype, seconds: float = 1.0) -> float | None:
    """Measure how fast a device multiplies matrices.

    Args:
        device: CPU or CUDA; on a CPU with PyTorch's current number of threads.
        dtype: Of the matrices. For float32 on CUDA, PyTorch's current TF32 setting holds.
        seconds: About how long to measure.

    Returns:
        Median FLOP/s over repeated products of two square matrices (8192 on CUDA, 2048 on a CPU),
        or None if there is no memory left for them.
    """
    size = 8192 if device.type == 'cuda' else 2048
    # A generator of its own leaves the run's random numbers alone; random values because a GPU's
    # clock, and so its peak, depends on them.
    generator = torch.Generator(device).manual_seed(0)
    try:
        a, b = (
            torch.randn(size, size, device=device, generator=generator).to(dtype) for _ in range(2)
        )
        out = torch.empty_like(a)
        times: list[float] = []
        with torch.no_grad():
            for _ in range(3):
                torch.mm(a, b, out=out)
            began = time.perf_counter()
            while not times or time.perf_counter() - began < seconds:
                times.append(_time_matmul(a, b, out))
    except torch.cuda.OutOfMemoryError:
        return None
    return 2 * size**3 / statistics.median(times)


def _time_matmul(a: torch.Tensor, b: torch.Tensor, out: torch.Tensor) -> float:
    """Seconds of one product."""
    if a.device.type == 'cuda':
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        torch.mm(a, b, out=out)
        end.record()
        end.synchronize()
        return start.elapsed_time(end) / 1000
    began = time.perf_counter()
    torch.mm(a, b, out=out)
    return time.perf_counter() - began


def _compute_dtype(runner: Any) -> torch.dtype:
    """Dtype of the run's matrix products: autocast's where used, else the weights'."""
    wrapper = runner.optim_wrapper
    if isinstance(wrapper, OptimWrapperDict):  # several optimisers, as in a GAN
        wrapper = next(iter(wrapper.values()))
    weight = next(p for p in runner.model.parameters() if p.is_floating_point())
    probe = torch.ones(1, 1, dtype=weight.dtype, device=weight.device)
    with wrapper.optim_context(runner.model), torch.no_grad():
        return (probe @ probe).dtype  # whichever wrapper it is


def _device_of(model: torch.nn.Module) -> torch.device:
    return next(model.parameters()).device


def _device_name(device: torch.device) -> str:
    if device.type == 'cuda':
        return torch.cuda.get_device_name(device)
    return f'{device.type} ({torch.get_num_threads()} threads)'


def _resident_peak() -> int | None:
    """Largest resident set of this process so far, bytes; None where the system doesn't tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == 'darwin' else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _in_words(record: dict) -> str:
    text = (
        f'Throughput: {record["images_per_s"]:.1f} images/s (median; overall '
        f'{record["images_per_s_overall"]:.1f}) on {record["world_size"]} x {record["device"]}, '
        f'batch {record["batch_size"]}, {record["dtype"]}; '
        f'{record["data_share"]:.1%} of the time waiting for data'
    )
    if record['flops_per_s'] is not None:
        text += f'; {record["flops_per_s"] / 1e12:.3g} TFLOP/s'
        if record['share_of_peak'] is not None:
            text += f' = {record["share_of_peak"]:.1%} of the measured matmul peak'
    if record['memory_bytes'] is not None:
        text += f'; peak memory {record["memory_bytes"] / 2**30:.2f} GiB'
    return text
