"""Speed of a training run, measured while it runs."""

import sys
import time
from collections import deque
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import all_gather_object, barrier, get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapperDict

from usfm_mm.compat.message_hub import forget_unsaved
from usfm_mm.evaluation.flops import count_flops, device_name, matmul_peak
from usfm_mm.evaluation.throughput import Span, batch_size_of, summarise
from usfm_mm.io.json_file import json_text
from usfm_mm.registry import HOOKS


@HOOKS.register_module()
class ThroughputHook(Hook):
    """Measures images/s, the share of waiting for data, and FLOP/s with their share of the peak.

    While training, ``images_per_s`` (all ranks together) and ``data_share`` (of the time, spent
    waiting for the data loader) of the last ``window`` iterations appear in the log, beside
    mmengine's ``time``, ``data_time`` and ``memory``. At the end one JSON line is appended to
    ``work_dir/throughput.json`` and a summary is logged.

    - *Time* runs over the training epochs of this process, from the first iteration after
      ``skip_iters``: with other hooks' work in an epoch, such as saving checkpoints, without
      validation. A resumed run counts only what it did itself. CUDA is synchronised once in
      ``window`` iterations.
    - *FLOPs* are counted during the run's first iteration, forward and backward, on the real batch
      (:func:`~usfm_mm.evaluation.flops.count_flops`). A compiled model runs it uncompiled.
    - *Peak* is the rate of a square matrix product in the run's dtype (that of autocast, where
      used), measured on all ranks at the same time, for about a second at the end.

    Args:
        skip_iters: Iterations of this run that aren't measured, at least 1, since the first one
            starts workers, is counted and may compile.
        window: Iterations that the log's numbers are of.
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
        self._total = Span()
        self._recent: deque[Span] = deque(maxlen=self.window)
        self._flops_per_image: float | None = None
        self._batch_size = 0
        self._counting: ExitStack | None = None
        self._counter = count_flops()
        self._device = next(runner.model.parameters()).device

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
            recent = sum(self._recent, Span())
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
        if self._device.type == 'cuda' and not (self._done - self.skip_iters) % self.window:
            torch.cuda.synchronize(self._device)
        now = self._clock()
        span = Span(1, batch_size_of(data_batch), now - self._mark, self._waiting)
        self._mark = now
        if self._done > self.skip_iters:
            self._recent.append(span)
            self._total += span

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
        if not self._total.iterations:
            runner.logger.warning(
                f'ThroughputHook: nothing measured, since the run had {self._done} iterations '
                f'and the first {self.skip_iters} are skipped: lower skip_iters'
            )
            return
        dtype = _compute_dtype(runner)
        peak = None
        if self.measure_peak:
            barrier()  # processes that share a device share its peak
            peak = matmul_peak(self._device, dtype)
        ranks = all_gather_object(
            dict(total=self._total, flops_per_image=self._flops_per_image, peak=peak)
        )
        if not is_main_process():
            return
        record = dict(
            device=device_name(self._device),
            world_size=len(ranks),
            batch_size=self._batch_size * len(ranks),
            dtype=str(dtype).removeprefix('torch.'),
            torch=torch.__version__,
            **summarise(ranks),
        )
        with Path(runner.work_dir, 'throughput.json').open('a') as file:
            file.write(json_text(record, indent=None) + '\n')
        runner.logger.info(_in_words(record))


def _compute_dtype(runner: Any) -> torch.dtype:
    """Dtype of the run's matrix products: autocast's where used, else the weights'."""
    wrapper = runner.optim_wrapper
    if isinstance(wrapper, OptimWrapperDict):  # several optimisers, as in a GAN
        wrapper = next(iter(wrapper.values()))
    weight = next(p for p in runner.model.parameters() if p.is_floating_point())
    probe = torch.ones(1, 1, dtype=weight.dtype, device=weight.device)
    with wrapper.optim_context(runner.model), torch.no_grad():
        return (probe @ probe).dtype  # whichever wrapper it is


def _in_words(record: dict) -> str:
    text = (
        f'Throughput: {record["images_per_s"]:.1f} images/s on {record["world_size"]} x '
        f'{record["device"]}, batch {record["batch_size"]}, {record["dtype"]}; '
        f'{record["data_share"]:.1%} of the time waiting for data'
    )
    if record['flops_per_s'] is not None:
        text += f'; {record["flops_per_s"] / 1e12:.3g} TFLOP/s'
        if record['share_of_peak'] is not None:
            text += f' = {record["share_of_peak"]:.1%} of the measured matmul peak'
    return text
