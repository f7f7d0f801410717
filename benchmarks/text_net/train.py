"""Train the network that finds burned-in text, and write it as ONNX.

    python -m benchmarks.text_net.train --data ../shared/data --steps 4500 --out text_net.onnx

16 pieces of 256 x 256 pixels a step; AdamW, half a cosine; what is written is the running mean of
the weights, in half precision. A checkpoint beside the output is gone on with.
"""

import argparse
import json
import math
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from benchmarks.text_net.network import TextNet
from benchmarks.text_net.pictures import clean, load
from benchmarks.text_net.samples import sample

BATCH, RATE, WARM_UP, CELL = 16, 3e-3, 200, 4


class Samples(IterableDataset):
    """Endless pieces, others in each worker and from each step that training goes on at."""

    def __init__(self, pictures: list[np.ndarray], seed: int) -> None:
        self.pictures, self.seed = pictures, seed

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Piece uint8 [1, 256, 256] and share of text in its cells uint8 [1, 64, 64]."""
        cv2.setNumThreads(1)
        info = get_worker_info()
        rng = random.Random(f'{self.seed} {info.id if info else 0}')
        while True:
            image, lines = sample(rng, self.pictures)
            cells = cv2.resize(lines, None, fx=1 / CELL, fy=1 / CELL, interpolation=cv2.INTER_AREA)
            yield torch.from_numpy(np.ascontiguousarray(image))[None], torch.from_numpy(cells)[None]


def loss_of(logits: Tensor, share: Tensor) -> Tensor:
    """Weighted cross-entropy and a part of Dice; cells that text covers in part count little.

    Args:
        logits: [B, 1, h, w].
        share: Of each cell that text covers, [B, 1, h, w], 0 to 1.
    """
    target = (share > 0.4).float()
    partly = (share > 0.05) & (share < 0.95)
    weight = torch.where(partly, 0.3, 1.0) * torch.where(target > 0, 3.0, 1.0)
    entropy = F.binary_cross_entropy_with_logits(logits, target, weight)
    found = logits.sigmoid()
    dice = 1 - (2 * (found * target).sum() + 1) / ((found + target).sum() + 1)
    return entropy + 0.3 * dice


def train(pictures: list[np.ndarray], steps: int, seed: int, workers: int, kept: Path) -> TextNet:
    """Train, or go on with what is kept; the network with the running mean of its weights."""
    torch.manual_seed(seed)
    network = TextNet().train()
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=1e-3)
    mean = {name: value.clone() for name, value in network.state_dict().items()}
    first = 0
    if kept.is_file():
        state = torch.load(kept, weights_only=True)
        network.load_state_dict(state['network'])
        optimizer.load_state_dict(state['optimizer'])
        mean, first = state['mean'], state['step']
    samples = Samples(pictures, seed + first)
    # Spawned: a fork of a process that has run another reader's threads would wait for ever.
    spawned = 'spawn' if workers else None
    loader = iter(DataLoader(samples, BATCH, num_workers=workers, multiprocessing_context=spawned))
    losses, start = [], time.monotonic()
    for step in range(first, steps):
        rate = RATE * min(1, (step + 1) / WARM_UP) * (1 + math.cos(math.pi * step / steps)) / 2
        optimizer.param_groups[0]['lr'] = rate + 1e-5
        images, shares = next(loader)
        images = (images.float() / 255).contiguous(memory_format=torch.channels_last)
        with torch.autocast('cpu', torch.bfloat16):
            logits = network(images)
        loss = loss_of(logits.float(), shares.float() / 255)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        for name, value in network.state_dict().items():
            if value.dtype.is_floating_point:
                mean[name].lerp_(value, 0.01)
        losses.append(loss.item())
        if (step + 1) % 100 == 0 or step + 1 == steps:
            each = (time.monotonic() - start) / (step + 1 - first)
            left = each * (steps - step - 1) / 60
            print(f'step {step + 1}  loss {np.mean(losses[-100:]):.4f}  {left:.0f} min', flush=True)
        if (step + 1) % 500 == 0 or step + 1 == steps:
            state = dict(network=network.state_dict(), optimizer=optimizer.state_dict())
            torch.save(dict(**state, mean=mean, step=step + 1), kept)
    network.load_state_dict(mean)
    return network.eval()


def write(network: TextNet, out: Path, about: dict[str, str]) -> None:
    """As ONNX, its larger weights in half precision, which ONNX Runtime undoes when it loads it."""
    image = torch.zeros(1, 1, 64, 64)
    sizes = {'image': {2: 'height', 3: 'width'}, 'text': {2: 'rows', 3: 'columns'}}
    torch.onnx.export(
        torch.nn.Sequential(network, torch.nn.Sigmoid()).eval(), (image,), str(out), dynamo=False,
        input_names=['image'], output_names=['text'], dynamic_axes=sizes, opset_version=13,
    )  # fmt: skip
    model = onnx.load(str(out))
    casts = []
    for tensor in list(model.graph.initializer):
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size > 64:
            half = numpy_helper.from_array(values.astype(np.float16), f'{tensor.name}_half')
            model.graph.initializer.remove(tensor)
            model.graph.initializer.append(half)
            casts.append(helper.make_node('Cast', [half.name], [tensor.name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    helper.set_model_props(model, about)
    onnx.save(model, str(out))


def main() -> None:
    """Train and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--data', type=Path, default=Path('../shared/data'))
    parser.add_argument('--steps', type=int, default=4500)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--workers', type=int, default=1)
    parser.add_argument('--out', type=Path, required=True)
    args = parser.parse_args()
    pictures = clean(load(args.data))
    print(f'{len(pictures)} pictures without text', flush=True)
    kept = args.out.with_suffix('.pt')
    network = train(pictures, args.steps, args.seed, args.workers, kept)
    commit = subprocess.run(['git', 'rev-parse', '--short', 'HEAD'], capture_output=True, text=True)
    options = dict(steps=args.steps, seed=args.seed, workers=args.workers, torch=torch.__version__)
    write(network, args.out, dict(commit=commit.stdout.strip(), options=json.dumps(options)))


if __name__ == '__main__':
    main()
