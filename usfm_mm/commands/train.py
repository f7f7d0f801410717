"""Train a model: python tools/train.py configs/usfm/pretrain_3mus.py --data-root DIR."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config, ConfigDict

from usfm_mm.compat import leave_process_group, set_up_cpu
from usfm_mm.config.options import (
    add_run_options,
    add_tensorboard,
    build_runner,
    config_parser,
    load_config,
)
from usfm_mm.config.resume import continue_or_begin
from usfm_mm.datasets.checks import check_data


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = config_parser('Train a model.')
    add_run_options(parser)
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='continue from a checkpoint; without a value from the latest one in the work dir, '
        'or from the start where there is none',
    )
    parser.add_argument('--amp', action='store_true', help='train in bfloat16')
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate to the images of a step, from those that it is for '
        '(auto_scale_lr.base_batch_size of the config)',
    )
    args = parser.parse_args(argv)
    if args.resume not in (None, 'auto') and not Path(args.resume).exists():
        parser.error(f'--resume {args.resume}: no such checkpoint')
    return args


def build_config(args: argparse.Namespace) -> Config:
    """Config of the run, the command line's options merged in."""
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
    cfg = build_config(parse_args(argv))
    runner = build_runner(cfg)
    check_data(cfg, ('train', 'val'))  # the processes are connected, no data set is built yet
    runner.train()
    del runner  # its model holds the process group
    leave_process_group()
