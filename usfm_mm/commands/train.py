"""Train a model: usfm train usfm/pretrain_3mus --data-root DIR."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from usfm_mm.config.parser import train_parser

if TYPE_CHECKING:
    from mmengine.config import Config


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = train_parser()
    args = parser.parse_args(argv)
    if args.resume not in (None, 'auto') and not Path(args.resume).exists():
        parser.error(
            f'--resume {args.resume}: no such checkpoint; --resume alone takes the latest one '
            'in the work dir'
        )
    return args


def build_config(args: argparse.Namespace) -> Config:
    """Config of the run, the command line's options merged in."""
    from usfm_mm.compat import set_up_cpu
    from usfm_mm.config.options import add_tensorboard, load_config
    from usfm_mm.config.resume import continue_or_begin

    cfg = load_config(args)
    if args.amp:
        if 'optimizer' not in cfg.optim_wrapper:
            raise ValueError(f'--amp: {args.config} trains a GAN, in float32 only')
        cfg.optim_wrapper.type = 'usfm_mm.BF16OptimWrapper'
    if args.auto_scale_lr:
        scale_lr(cfg)
    set_up_cpu(cfg)
    add_tensorboard(cfg)
    continue_or_begin(cfg, args.resume, args.cfg_options or {})
    return cfg


def scale_lr(cfg: Config) -> None:
    """Let the runner scale the learning rate.

    Raises:
        ValueError: If the config does not say for how many images its learning rate is.
    """
    from mmengine.config import ConfigDict

    base = (cfg.get('auto_scale_lr') or {}).get('base_batch_size')
    if not base:
        raise ValueError(
            f'--auto-scale-lr: {cfg.filename} does not say for how many images a step its rate is: '
            'set auto_scale_lr.base_batch_size'
        )
    # The runner does not count accumulated steps.
    base /= cfg.optim_wrapper.get('accumulative_counts', 1)
    cfg.auto_scale_lr = ConfigDict(base_batch_size=base, enable=True)


def main(argv: Sequence[str] | None = None) -> None:
    """Train."""
    args = parse_args(argv)
    from usfm_mm.compat import leave_process_group
    from usfm_mm.config.loading import check_data_root
    from usfm_mm.config.options import build_runner
    from usfm_mm.config.weights import check_weights
    from usfm_mm.datasets.checks import check_data

    cfg = build_config(args)
    check_data_root(cfg)
    check_weights(cfg)
    runner = build_runner(cfg)
    check_data(cfg, ('train', 'val'))  # the processes are connected, no data set is built yet
    status = None
    try:
        runner.train()
    except SystemExit as stopped:  # by a signal, on all ranks
        status = stopped.code
    del runner  # its model holds the process group
    leave_process_group()
    if status is not None:
        raise SystemExit(status)
