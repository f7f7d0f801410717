"""Count the peak memory of a pre-training step on a GPU, without one.

    python -m benchmarks.peak_memory [--archs small base large huge] [--gigabytes 8 24 80]

Whole steps (masks, forward, losses, backward, clip, AdamW) of configs/usfm/pretrain_3mus.py with
fake tensors, which have sizes and no values. What lives at once is added up as PyTorch's allocator
would round it. The rest is an assumption: 0.8 GB for CUDA and its libraries, and a tenth of the
memory that fragments or is a kernel's workspace. Computed, not measured.
"""

import argparse
import gc
import json
import math
import warnings
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from benchmarks.fake_cuda import fake_values

CONFIG = Path(__file__).parents[1] / 'configs' / 'usfm' / 'pretrain_3mus.py'
CUDA = 0.8e9  # bytes: context, cuBLAS, cuFFT
SHARE = 0.9  # of the rest
# Images of a step. Memory grows by the image, at two rates: with few images the peak is where all
# gradients are there, with many where all activations are.
COUNTED = (16, 32, 512, 1024)
_BLOCK = 512  # bytes that the allocator rounds up to


class LiveBytes(TorchDispatchMode):
    """Adds up the storages that live.

    Attributes:
        now: Bytes.
        peak: The most that it was.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._seen: set[int] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Compute one operator, and see what it made."""
        result = func(*args, **(kwargs or {}))
        for tensor in tree_flatten(result)[0]:
            if isinstance(tensor, Tensor):
                self.add(tensor)
        return result

    def add(self, tensor: Tensor) -> None:
        """Count a tensor's storage until it dies."""
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._seen:
            return
        size = math.ceil(storage.nbytes() / _BLOCK) * _BLOCK
        self._seen.add(key)
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.now -= size


def step_peak(arch: str, batch_size: int, recompute: bool = False, size: int = 224) -> int:
    """Bytes at the peak of a step, the optimizer's state included.

    Args:
        arch: Of ``USFMViT``.
        batch_size: Images.
        recompute: Gradient checkpointing of the blocks.
        size: Side of an image, pixels.
    """
    cfg = Config.fromfile(CONFIG)
    backbone = cfg.model.backbone
    backbone.update(arch=arch, img_size=size, with_cp=recompute, fused_attention=True)
    init_default_scope(cfg.default_scope)
    with fake_values(), cuda_autocast(), LiveBytes() as live:
        model = MODELS.build(cfg.model)
        model.train()
        optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
        optimizer.initialize_count_status(model, 0, 2)
        for _ in range(2):  # the first one makes AdamW's state, and PyTorch's caches
            gc.collect()
            live.peak = live.now
            batch = make_batch(batch_size, size)
            model.train_step(batch, optimizer)
            del batch
        return live.peak


def make_batch(batch_size: int, size: int) -> dict[str, Tensor]:
    """A batch as the data loader gives it."""
    side = size // 32
    return dict(
        inputs=torch.zeros(batch_size, 1, size, size, dtype=torch.uint8),
        patch_mask=torch.zeros(batch_size, side, side, dtype=torch.bool),
        bands=torch.zeros(batch_size, 7, dtype=torch.bool),
        organ_id=torch.zeros(batch_size, dtype=torch.int64),
    )


@contextmanager
def cuda_autocast() -> Iterator[None]:
    """Let LayerNorm under a CPU's autocast give float32, as under a GPU's."""
    plain = torch.nn.functional.layer_norm

    def layer_norm(x: Tensor, shape: Any, *rest: Any, **given: Any) -> Tensor:
        return plain(x.float(), shape, *rest, **given)

    with patch('torch.nn.functional.layer_norm', layer_norm):
        yield


def fitting(points: dict[int, int], gigabytes: float) -> int:
    """The largest batch that fits: a multiple of 8, below that a power of 2, or 0.

    Args:
        points: Bytes of batch sizes, of which the first two and the last two are of one rate.
        gigabytes: Of the GPU.
    """
    room = (gigabytes * 1e9 - CUDA) * SHARE
    known = sorted(points.items())
    found = []
    for (small, low), (large, high) in (known[:2], known[-2:]):
        found.append(math.floor(small + (room - low) * (large - small) / (high - low)))
    batch = min(found)
    if batch >= 8:
        return batch // 8 * 8
    return 1 << batch.bit_length() - 1 if batch > 0 else 0


def main() -> None:
    """Count, print, write."""
    parser = argparse.ArgumentParser(description='Count the peak memory of a pre-training step.')
    parser.add_argument('--archs', nargs='+', default=['small', 'base', 'large', 'huge'])
    parser.add_argument('--gigabytes', nargs='+', type=float, default=[8, 24, 80])
    parser.add_argument('--out', type=Path, help='JSON file to write')
    args = parser.parse_args()
    warnings.filterwarnings('ignore')
    table = Table(
        'ViT',
        'recomputed',
        *(f'GB of {count}' for count in COUNTED),
        *(f'{g:g} GB' for g in args.gigabytes),
    )
    rows = []
    for arch in args.archs:
        for recompute in (False, True):
            points = {count: step_peak(arch, count, recompute) for count in COUNTED}
            batches = {str(g): fitting(points, g) for g in args.gigabytes}
            rows.append(dict(arch=arch, recompute=recompute, bytes=points, batches=batches))
            sizes = [f'{value / 1e9:.2f}' for value in points.values()]
            table.add_row(arch, str(recompute), *sizes, *map(str, batches.values()))
    Console().print(table)
    if args.out:
        args.out.write_text(json.dumps(dict(torch=torch.__version__, rows=rows), indent=1) + '\n')


if __name__ == '__main__':
    main()
