"""Test a model: python tools/test.py CONFIG CHECKPOINT --data-root DIR."""

import argparse
import os
from pathlib import Path

from mmengine.config import Config, DictAction
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from usfm_mm.hosts import leave_process_group, quiet_imports, set_up_cpu
from usfm_mm.apis.config import set_data_root


def main() -> None:
    """Test."""
    parser = argparse.ArgumentParser(description='Test a model.')
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--work-dir', help='folder for logs')
    parser.add_argument('--data-root', help='data folder, in place of the one in the config')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='override settings: key=value ...'
    )
    parser.add_argument(
        '--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none'
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    if not Path(args.checkpoint).is_file():
        parser.error(f'{args.checkpoint}: no such checkpoint')

    cfg = Config.fromfile(args.config)
    if args.data_root:
        set_data_root(cfg, args.data_root)
    if args.cfg_options:
        cfg.merge_from_dict(args.cfg_options)
    cfg.launcher = args.launcher
    cfg.load_from = args.checkpoint
    default = Path('work_dirs') / Path(args.config).stem
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or str(default)
    set_up_cpu(cfg)
    quiet_imports()
    cfg.setdefault('runner_type', 'usfm_mm.QuietRunner')
    runner: Runner = RUNNERS.build(cfg)
    runner.test()
    leave_process_group()


if __name__ == '__main__':
    main()
