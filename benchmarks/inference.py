"""Images per second of a folder, from files to files, against the network alone.

    python -m benchmarks.inference [--images 32] [--arch small] [--threads 2] [--out FILE]

A UPerNet on ViT with random weights segments speckle of 768x1024 pixels, PNG. *Network*: from the
same batches, uint8 of its own size and prepared beforehand, to probabilities of that size.
*Folder*: from files to files, as ``usfm predict`` does by default: read, prepare, ask, resize, and
write masks, overlays and tables. Both take turns; medians, and of ratios those of each turn. The
time of the processor is that of all threads: its ratio holds where others slow both down.
"""

import argparse
import json
import os
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config
from rich.console import Console
from rich.table import Table

from usfm_mm.apis import LoadedModel
from usfm_mm.apis.model import build
from usfm_mm.compat import find_mmseg_configs, quiet_imports
from usfm_mm.config.arch import set_arch
from usfm_mm.inference.frames import frames_of
from usfm_mm.inference.many import answer_files
from usfm_mm.inference.output_folder import output_folder
from usfm_mm.inference.predict import segment_frames
from usfm_mm.inference.prepare import prepare
from usfm_mm.inference.source_writer import DEFAULTS, SourceWriter
from usfm_mm.inference.sources import list_files
from usfm_mm.io.card import Card

CONFIG = Path(__file__).resolve().parents[1] / 'configs' / 'usfm' / 'seg_custom_upernet.py'


def made_up_model(arch: str) -> LoadedModel:
    """A segmenter with random weights."""
    find_mmseg_configs()
    cfg = Config.fromfile(CONFIG)
    set_arch(cfg, arch)
    cfg.model.backbone.pop('init_cfg', None)
    card = Card(
        task='segment',
        arch=arch,
        image_size=(224, 224),
        channels=3,
        mean=list(cfg.model.data_preprocessor.mean),
        std=list(cfg.model.data_preprocessor.std),
        classes=['background', 'foreground'],
        palette=[[0, 0, 0], [0, 200, 0]],
        config=dict(default_scope='mmseg', model=cfg.model.to_dict()),
    )
    torch.manual_seed(0)
    return LoadedModel(card, build(card))


def clocks() -> np.ndarray:
    """Seconds on the wall and of the processor."""
    return np.array([time.perf_counter(), time.process_time()])


def folder_seconds(model: Any, scans: Path, out: Path, batch_size: int) -> np.ndarray:
    """Time from files to files."""
    formats, cards = DEFAULTS['segment'], [model.card]
    answers = partial(segment_frames, [model], batch_size=batch_size, flip=False, threshold=None)
    start = clocks()
    with output_folder(out, {}):
        answer_files(
            list_files(scans).files,
            lambda frames: answers(frames=frames),
            lambda name, source: SourceWriter(out, name, source, formats, cards),
            out,
            batch_size,
            lambda count: None,
        )
    return clocks() - start


def network_seconds(model: Any, batches: list[np.ndarray]) -> np.ndarray:
    """Time of the network on prepared batches."""
    start = clocks()
    for batch in batches:
        model(batch)
    return clocks() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--images', type=int, default=32)
    parser.add_argument('--arch', default='small')
    parser.add_argument('--batch-size', type=int, default=16, help='as of usfm predict')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--threads', type=int, default=2, help='of the network')
    parser.add_argument('--out', help='JSON with every time')
    args = parser.parse_args()
    quiet_imports()
    torch.set_num_threads(args.threads)
    model, generator = made_up_model(args.arch), np.random.default_rng(0)
    times: dict[str, list[np.ndarray]] = dict(network=[], folder=[])
    with tempfile.TemporaryDirectory() as name:
        scans = Path(name, 'scans')
        scans.mkdir()
        for number in range(args.images):
            speckle = generator.rayleigh(40, (768, 1024)).clip(0, 255).astype(np.uint8)
            cv2.imwrite(str(scans / f'{number:04d}.png'), cv2.GaussianBlur(speckle, (5, 5), 1.5))
        images = np.stack([prepare(frame.pixels, model.card) for frame in frames_of(scans)])
        batches = [images[n : n + args.batch_size] for n in range(0, len(images), args.batch_size)]
        model(batches[0])
        for turn in range(args.rounds):
            times['network'].append(network_seconds(model, batches))
            out = Path(name, f'out{turn}')
            times['folder'].append(folder_seconds(model, scans, out, args.batch_size))
    table = Table(title=f'UPerNet, ViT {args.arch}, {args.threads} threads')
    for column in ('', 'images/s', 'time / network', 'processor, ms/image', '/ network'):
        table.add_column(column, justify='right')
    for kind, values in times.items():
        pairs = zip(values, times['network'], strict=True)
        ratios = np.median([own / network for own, network in pairs], axis=0)
        wall, processor = np.median(values, axis=0) / args.images
        cells = (f'{1 / wall:.2f}', f'{ratios[0]:.3f}', f'{1000 * processor:.0f}')
        table.add_row(kind, *cells, f'{ratios[1]:.3f}')
    Console().print(table)
    if args.out:
        seconds = {kind: np.array(values).tolist() for kind, values in times.items()}
        content = dict(seconds=seconds, load=os.getloadavg(), **vars(args))
        Path(args.out).write_text(json.dumps(content, indent=2))


if __name__ == '__main__':
    main()
