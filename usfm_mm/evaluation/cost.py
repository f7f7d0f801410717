"""What a model costs beside its score: parameters, operations, speed and memory of inference."""

import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from usfm_mm.evaluation.flops import count_flops, device_name
from usfm_mm.evaluation.throughput import batch_size_of
from usfm_mm.io.json_file import write_json


def measure_cost(
    model: nn.Module, step: Callable[[Any], Any], batch: Any, seconds: float = 1.0
) -> dict[str, float | int | str]:
    """Measure a model on a batch that is repeated; nothing is loaded or learned.

    Args:
        model: Whose parameters are counted, in eval mode.
        step: What the model does with a batch, such as ``model.test_step``, from the loaded batch
            to the answer: the host's preparation and what follows the network are in it.
        batch: As the data loader gives it.
        seconds: About how long to measure; at least three steps.

    Returns:
        ``parameters_m``, millions; ``gflops``, 10^9 floating-point operations per image
        (:func:`~usfm_mm.evaluation.flops.count_flops`: 2 per multiply-add); ``images_per_s``, by
        the median step; ``memory_mb``, 2^20 bytes: on CUDA the most that PyTorch's tensors took in
        these steps, weights included, on a CPU the most that the whole process took so far;
        ``batch_size`` and ``device``.

    Example:
        >>> layer = nn.Linear(3, 4)
        >>> told = measure_cost(layer, layer, torch.ones(2, 3), seconds=0)
        >>> told['parameters_m'], told['gflops']
        (1.6e-05, 2.4e-08)
    """
    device = next(model.parameters()).device
    images = batch_size_of(batch)
    times: list[float] = []
    with torch.no_grad():
        # The counter hooks the gradients of what goes into modules, parameters among it.
        learning = [weight for weight in model.parameters() if weight.requires_grad]
        try:
            for weight in learning:
                weight.requires_grad_(False)
            with count_flops() as counter:
                step(batch)
        finally:
            for weight in learning:
                weight.requires_grad_(True)
        if device.type == 'cuda':
            torch.cuda.reset_peak_memory_stats(device)
        began = time.perf_counter()
        while len(times) < 3 or time.perf_counter() - began < seconds:
            start = time.perf_counter()
            step(batch)
            if device.type == 'cuda':
                torch.cuda.synchronize(device)
            times.append(time.perf_counter() - start)
    return dict(
        parameters_m=sum(p.numel() for p in model.parameters()) / 1e6,
        gflops=counter.get_total_flops() / images / 1e9,
        images_per_s=images / statistics.median(times),
        memory_mb=_peak_bytes(device) / 2**20,
        batch_size=images,
        device=device_name(device),
    )


def write_cost(
    file: Path,
    model: nn.Module,
    step: Callable[[Any], Any],
    batch: Any,
    warn: Callable[[str], None],
) -> None:
    """Write :func:`measure_cost`; where it cannot be measured there is a warning and no file.

    A test that has ended must not be lost for what it cost.

    Args:
        file: JSON; a former one goes in any case.
        model: As there, also the next two.
        step: What the model does with a batch.
        batch: As the data loader gives it.
        warn: Called with one sentence if need be.
    """
    file.unlink(missing_ok=True)
    try:
        write_json(file, measure_cost(model, step, batch))
    except Exception as error:  # of any network and counter there is
        reason = (str(error).splitlines() or [''])[0]
        warn(f'no {file}: the cost cannot be measured: {type(error).__name__}: {reason}')


def _peak_bytes(device: torch.device) -> int:
    if device.type == 'cuda':
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == 'darwin' else peak * 1024
