"""Time one training step of USFM against the same step on stock mmpretrain parts.

    python -m benchmarks.training_step [--arch base] [--batch-size 32] [--rounds 7] [--out FILE]

The stock step is SimMIM's as far as mmpretrain has it: stock BEiTViT, SimMIM's linear decoder and
masked L1 head, clip, AdamW; its preprocessor normalises, and nothing is masked. Ours masks in both
domains, and adds the frequency loss. Both run through mmengine's ``train_step`` on batches that
already lie on the device, in turn, round by round, so that a change of the machine's speed meets
both; what counts is the median.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope
from rich.console import Console
from rich.table import Table

Step = Callable[[], object]


def stock_model(arch: str, size: int) -> tuple[Any, int]:
    """SimMIM-style model of stock parts, and its number of input channels."""
    from mmpretrain.models.selfsup.simmim import SimMIM

    from usfm_mm.models import USFMViT

    class StockSimMIM(SimMIM):
        """SimMIM, whose own encoder is a Swin, around an encoder that takes no mask."""

        def loss(self, inputs: torch.Tensor, data_samples: dict, **kwargs: object) -> dict:
            reconstruction = self.neck(self.backbone(inputs)[0])
            return dict(loss=self.head.loss(reconstruction, inputs, data_samples['mask']))

    settings = USFMViT.arch_zoo[arch]
    model = StockSimMIM(
        data_preprocessor=dict(type='SelfSupDataPreprocessor', mean=[55.0] * 3, std=[50.0] * 3),
        backbone=dict(
            type='BEiTViT',
            arch=settings,
            img_size=size,
            out_type='featmap',
            final_norm=True,
            use_rel_pos_bias=False,
            use_shared_rel_pos_bias=True,
            drop_path_rate=0.1,
        ),
        neck=dict(
            type='SimMIMLinearDecoder', in_channels=settings['embed_dims'], encoder_stride=16
        ),
        head=dict(
            type='SimMIMHead',
            patch_size=16,
            loss=dict(type='PixelReconstructionLoss', criterion='L1', channel=3),
        ),
    )
    return model, 3


def our_model(arch: str, size: int, channels: int = 1, frequency: bool = True) -> tuple[Any, int]:
    """USFM's pre-training model, and its number of input channels."""
    model = MODELS.build(
        dict(
            type='usfm_mm.USFMPretrainer',
            data_preprocessor=dict(
                type='usfm_mm.DualMaskDataPreprocessor',
                mean=[55.0] * channels,
                std=[50.0] * channels,
            ),
            backbone=dict(
                type='usfm_mm.USFMViT',
                arch=arch,
                img_size=size,
                in_channels=channels,
                out_type='featmap',
                final_norm=True,
                drop_path_rate=0.1,
            ),
            frequency_weight=0.4 if frequency else 0.0,
        )
    )
    return model, channels


def make_batch(kind: str, batch_size: int, channels: int, size: int, device: str) -> dict:
    """A batch on the device, as the data loader would give it."""
    generator = torch.Generator().manual_seed(0)
    shape = (batch_size, channels, size, size)
    batch = dict(inputs=torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator))
    if kind == 'stock':
        mask = torch.rand(batch_size, size // 16, size // 16, generator=generator) < 0.6
        batch['data_samples'] = dict(mask=mask.to(device))  # type: ignore[assignment]
    elif 'no masks' not in kind:
        grid = size // 32
        batch['patch_mask'] = torch.rand(batch_size, grid, grid, generator=generator) < 0.4
        order = torch.rand(batch_size, 7, generator=generator).argsort(dim=1)
        batch['bands'] = order < 2
    return {key: v.to(device) if isinstance(v, torch.Tensor) else v for key, v in batch.items()}


def make_step(
    kind: str, arch: str, size: int, batch_size: int, dtype: str, device: str, compile_: bool
) -> Step:
    """A function that trains one step."""
    if kind == 'stock':
        model, channels = stock_model(arch, size)
    else:
        model, channels = our_model(
            arch,
            size,
            channels=3 if '3 channels' in kind else 1,
            frequency='no frequency' not in kind,
        )
    model.init_weights()
    model.to(device).train()
    fused = kind != 'stock'
    config: dict = dict(
        type='usfm_mm.BF16OptimWrapper' if dtype == 'bf16' else 'OptimWrapper',
        optimizer=dict(type='AdamW', lr=1e-4, weight_decay=0.05, fused=fused),
        clip_grad=dict(max_norm=5.0),
    )
    if not fused:
        del config['optimizer']['fused']
    optim_wrapper = build_optim_wrapper(model, config)
    if compile_ and kind != 'stock':
        for layer in model.backbone.layers:
            layer.compile()
    batch = make_batch(kind, batch_size, channels, size, device)

    def step() -> None:
        model.train_step(dict(batch), optim_wrapper=optim_wrapper)
        if device == 'cuda':
            torch.cuda.synchronize()

    return step


def measure(steps: dict[str, Step], rounds: int, warmup: int) -> dict[str, list[float]]:
    """Seconds of each step in each round."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for round_ in range(-warmup, rounds):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            if round_ >= 0:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description='Time a training step.')
    parser.add_argument('--arch', default='base')
    parser.add_argument('--size', type=int, default=224)
    parser.add_argument('--batch-size', type=int, default=32)
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--warmup', type=int, default=1)
    parser.add_argument('--dtypes', nargs='+', default=['fp32', 'bf16'])
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--compile', action='store_true', help='torch.compile our blocks')
    parser.add_argument('--out', type=Path, help='JSON file to write')
    args = parser.parse_args()
    init_default_scope('mmpretrain')
    torch.manual_seed(0)

    kinds = ['stock', 'ours', 'ours, 3 channels', 'ours, no masks, no frequency loss']
    name = torch.cuda.get_device_name() if args.device == 'cuda' else platform.processor()
    table = Table(title=f'ViT-{args.arch}, batch {args.batch_size}, {args.size} px, {args.device}')
    for column in ('dtype', 'step', 'median s', 'min s', 'images/s', 'speed / stock'):
        table.add_column(column, justify='right')
    rows = []
    for dtype in args.dtypes:
        steps = {
            kind: make_step(
                kind, args.arch, args.size, args.batch_size, dtype, args.device, args.compile
            )
            for kind in kinds
        }
        seconds = measure(steps, args.rounds, args.warmup)
        stock = seconds['stock']
        for kind, values in seconds.items():
            # The median over rounds of the ratio within a round.
            ratio = statistics.median(s / v for s, v in zip(stock, values, strict=True))
            median = statistics.median(values)
            rows.append(dict(dtype=dtype, step=kind, seconds=values, median=median, ratio=ratio))
            table.add_row(
                dtype,
                kind,
                f'{median:.3f}',
                f'{min(values):.3f}',
                f'{args.batch_size / median:.2f}',
                f'{ratio:.3f}',
            )
    Console().print(table)
    if args.out:
        settings = {key: str(value) for key, value in vars(args).items()}
        result = dict(
            torch=torch.__version__,
            threads=torch.get_num_threads(),
            device=name,
            settings=settings,
            rows=rows,
        )
        args.out.write_text(json.dumps(result, indent=1) + '\n')


if __name__ == '__main__':
    main()
