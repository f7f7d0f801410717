"""Images per second of a model in PyTorch, in ONNX Runtime, and there with 8-bit products.

    python -m benchmarks.exported [MODEL ...] [--batch-size 8] [--rounds 7] [--out FILE]

Without a model, those of ``models/`` and a UPerNet on ViT-S with random weights. The network alone:
prepared uint8 batches in, answers out. The three take turns, round by round; medians of the wall's
and the processor's time.
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.inference import clocks, made_up_model
from usfm_mm.apis import load_model
from usfm_mm.compat import quiet_imports
from usfm_mm.inference.onnx_model import OnnxModel
from usfm_mm.models.export import onnx_content
from usfm_mm.models.export_graph import answers_of
from usfm_mm.models.quantise import quantised

DEMONSTRATION = Path(__file__).resolve().parents[1] / 'models'


def measure(model: Any, batch: np.ndarray, rounds: int) -> dict[str, list[list[float]]]:
    """Seconds of each kind in each round, on the wall and of the processor."""
    content = onnx_content(model, batch)
    exact, small = OnnxModel(content), OnnxModel(quantised(content))
    kinds = {
        'PyTorch': lambda: answers_of(model, batch),
        'ONNX Runtime': lambda: exact.answer(batch),
        'int8': lambda: small.answer(batch),
    }
    times: dict[str, list[list[float]]] = {kind: [] for kind in kinds}
    for run in kinds.values():
        run()
    for _ in range(rounds):
        for kind, run in kinds.items():
            start = clocks()
            run()
            times[kind].append((clocks() - start).tolist())
    return times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('models', nargs='*', metavar='MODEL')
    parser.add_argument('--arch', default='small', help='of the made-up model')
    parser.add_argument('--batch-size', type=int, default=8)
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--threads', type=int, default=2, help='of PyTorch and ONNX Runtime')
    parser.add_argument('--out', help='JSON with every time')
    args = parser.parse_args()
    quiet_imports()
    torch.set_num_threads(args.threads)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.threads])  # what ONNX counts
    files = args.models or sorted(DEMONSTRATION.glob('*.safetensors'), reverse=True)
    found = {Path(file).stem: load_model(file) for file in files}
    if not args.models:
        found[f'UPerNet, ViT {args.arch}'] = made_up_model(args.arch)
    table = Table(title=f'{args.batch_size} images at once, {args.threads} threads')
    for column in ('model', '', 'images/s', 'PyTorch = 1', 'processor, ms/image', 'PyTorch = 1'):
        table.add_column(column, justify='right')
    every = {}
    for name, model in found.items():
        size = model.card.image_size or (224, 224)
        shape = (args.batch_size, model.card.channels, *size)
        batch = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        times = every[name] = measure(model, batch, args.rounds)
        for kind, values in times.items():
            ratios = np.median(np.array(times['PyTorch']) / np.array(values), axis=0).tolist()
            wall, processor = np.median(values, axis=0) / args.batch_size
            own = f'{1 / wall:.1f}', f'{ratios[0]:.2f}', f'{1000 * processor:.1f}'
            table.add_row(name, kind, *own, f'{ratios[1]:.2f}')
    Console(width=100).print(table)
    if args.out:
        Path(args.out).write_text(
            json.dumps(dict(seconds=every, load=os.getloadavg(), **vars(args)), indent=2)
        )


if __name__ == '__main__':
    main()
