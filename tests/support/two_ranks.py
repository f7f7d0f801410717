"""Run a function on two gloo ranks that are spawned."""

from collections.abc import Callable
from typing import Any

import torch

from usfm_mm.compat import leave_process_group


def on_two_ranks(function: Callable[..., Any], port: int, *args: Any) -> list[Any]:
    """Results of ``function(rank, *args)``, which must be importable, by rank."""
    with torch.multiprocessing.Manager() as manager:
        results = manager.dict()
        torch.multiprocessing.spawn(_rank, (function, port, results, args), nprocs=2)
        return [results[0], results[1]]


def _rank(rank: int, function: Callable[..., Any], port: int, results: Any, args: tuple) -> None:
    address = f'tcp://127.0.0.1:{port}'
    torch.distributed.init_process_group('gloo', address, rank=rank, world_size=2)
    results[rank] = function(rank, *args)
    leave_process_group()
