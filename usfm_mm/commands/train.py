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
from usfm_mm.config.provenance import check_goes_on, is_finished
from usfm_mm.datasets.checks import check_data
from usfm_mm.engine.hooks.checkpoint import latest_checkpoint
from usfm_mm.models.checkpoints.files import load_file


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
    continue_or_begin(cfg, args)
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


def continue_or_begin(cfg: Config, args: argparse.Namespace) -> None:
    """Set the checkpoint to go on from, or see that the work dir holds no other run.

    A folder where a run was logged but never saved is used again.

    Raises:
        ValueError: If the checkpoint does not fit the config, or the folder holds a run.
    """
    options = args.cfg_options or {}
    resume = args.resume
    if cfg.get('resume'):
        if options.get('resume'):
            resume = resume or options.get('load_from') or 'auto'
        else:  # the saved config of a run that was resumed
            print(f'resume=True of {args.config} does not count: --resume continues a run.')
            cfg.resume, cfg.load_from = False, None
    saved = sorted(path.name for path in Path(cfg.work_dir).glob('*.pth'))
    if not resume:
        if saved:
            raise ValueError(
                f'{cfg.work_dir} holds a run ({saved[-1]}): --resume continues it, another '
                '--work-dir begins a new one'
            )
        return
    path = latest_checkpoint(cfg.work_dir) if resume == 'auto' else Path(resume)
    if path is None:
        print(f'{cfg.work_dir} has no checkpoint yet: the run begins at its start.')
        return
    cfg.resume, cfg.load_from = True, str(path)
    if path.is_dir():  # sharded, by the strategies of FlexibleRunner
        return
    checkpoint = load_file(path)
    check_goes_on(cfg, checkpoint, str(path))
    if is_finished(cfg, checkpoint):
        raise SystemExit(
            f'{path} is the end of its run ({cfg.train_cfg.get("max_epochs", "all")} epochs): '
            'there is nothing left to train.'
        )


def main(argv: Sequence[str] | None = None) -> None:
    """Train."""
    cfg = build_config(parse_args(argv))
    runner = build_runner(cfg)
    check_data(cfg, ('train', 'val'))  # the processes are connected, no data set is built yet
    runner.train()
    del runner  # its model holds the process group
    leave_process_group()
