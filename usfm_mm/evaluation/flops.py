"""Floating-point operations: how many a run takes, and how many the device could do."""

import statistics
import time
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count


def count_flops() -> FlopCounterMode:
    """PyTorch's counter of floating-point operations, with what it lacks on a CPU.

    It counts matrix products, convolutions and fused attention (2 per multiply-add), recomputation
    by gradient checkpointing included, since the device does it; it doesn't count Fourier
    transforms, norms and the like.

    Returns:
        A context manager; ``get_total_flops()`` is the number of operations within it.

    Example:
        >>> with count_flops() as counter:
        ...     product = torch.ones(2, 3) @ torch.ones(3, 4)
        >>> counter.get_total_flops()
        48
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
        Median FLOP/s over repeated products of two square matrices (8192 on CUDA, 2048 on a CPU:
        large enough to be bound by arithmetic), or None if there is no memory left for them.
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


def device_name(device: torch.device) -> str:
    """Name of a GPU, or the number of threads on a CPU."""
    if device.type == 'cuda':
        return torch.cuda.get_device_name(device)
    return f'CPU, {torch.get_num_threads()} threads'


def _time_matmul(a: torch.Tensor, b: torch.Tensor, out: torch.Tensor) -> float:
    """Seconds of one product."""
    began = time.perf_counter()
    torch.mm(a, b, out=out)
    if a.device.type == 'cuda':
        torch.cuda.synchronize(a.device)
    return time.perf_counter() - began
