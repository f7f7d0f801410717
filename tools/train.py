"""Train a model: python tools/train.py configs/usfm/pretrain_3mus.py --data-root DIR."""

import argparse
import os
from pathlib import Path

from mmengine.config import Config, ConfigDict, DictAction
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from usfm_mm.hosts import leave_process_group, quiet_imports, set_up_cpu
from usfm_mm.apis.config import add_tensorboard, set_data_root


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description='Train a model.')
    parser.add_argument('config', help='config file')
    parser.add_argument('--work-dir', help='folder for logs and checkpoints')
    parser.add_argument('--data-root', help='data folder, in place of the one in the config')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='continue from a checkpoint; without a value from the latest one in the work dir, '
        'or from the start where there is none',
    )
    parser.add_argument('--amp', action='store_true', help='train in bfloat16')
    parser.add_argument('--auto-scale-lr', action='store_true', help='scale to the actual batch')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='override settings: key=value ...'
    )
    parser.add_argument(
        '--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none'
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def build_config(args: argparse.Namespace) -> Config:
    """Config of the run, the command line's options merged in.

    Raises:
        FileNotFoundError: If the config file does not exist.
    """
    cfg = Config.fromfile(args.config)
    if args.data_root:
        set_data_root(cfg, args.data_root)
    if args.cfg_options:
        cfg.merge_from_dict(args.cfg_options)
    cfg.launcher = args.launcher
    default = Path('work_dirs') / Path(args.config).stem
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or str(default)
    if args.amp:
        cfg.optim_wrapper.type = 'usfm_mm.BF16OptimWrapper'
    if args.auto_scale_lr:
        cfg.auto_scale_lr = ConfigDict(cfg.get('auto_scale_lr', {}), enable=True)
    if args.resume:
        cfg.resume = True
        cfg.load_from = None if args.resume == 'auto' else args.resume
    set_up_cpu(cfg)
    add_tensorboard(cfg)
    return cfg


def main() -> None:
    """Train."""
    cfg = build_config(parse_args())
    quiet_imports()
    cfg.setdefault('runner_type', 'usfm_mm.QuietRunner')
    runner: Runner = RUNNERS.build(cfg)
    runner.train()
    leave_process_group()


if __name__ == '__main__':
    main()
