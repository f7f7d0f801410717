"""Test a model: usfm test CONFIG CHECKPOINT --data-root DIR."""

from collections.abc import Sequence
from pathlib import Path

from usfm_mm.config.parser import add_run_options, config_parser


def main(argv: Sequence[str] | None = None) -> None:
    """Test."""
    parser = config_parser('Test a model.')
    parser.add_argument('checkpoint', help='checkpoint file')
    add_run_options(parser)
    parser.add_argument(
        '--cost',
        action='store_true',
        help='also measure parameters, FLOPs, images/s and memory: WORK_DIR/test/cost.json',
    )
    parser.add_argument(
        '--corrupt',
        metavar='KIND:SEVERITY',
        help='make the test images worse: speckle, gain, shadow or resolution, 1 to 5',
    )
    args = parser.parse_args(argv)
    if not Path(args.checkpoint).is_file():
        parser.error(
            f'{args.checkpoint}: no such checkpoint; those of a run lie in its work dir, best_*.pth'
        )
    from usfm_mm.compat import leave_process_group, set_up_cpu
    from usfm_mm.config.corruption import set_corruption
    from usfm_mm.config.loading import check_data_root
    from usfm_mm.config.options import build_runner, load_config
    from usfm_mm.datasets.checks import check_data

    cfg = load_config(args)
    if not cfg.get('test_dataloader'):
        parser.error(f'{args.config} has nothing to test with (no test_dataloader)')
    if args.corrupt:
        set_corruption(cfg, args.corrupt)
        if not args.work_dir:  # beside the test of the images as they are, not in its place
            cfg.work_dir = str(Path(cfg.work_dir, 'corrupted', args.corrupt.replace(':', '_')))
    if args.cost:
        cfg.custom_hooks = [*(cfg.get('custom_hooks') or ()), dict(type='usfm_mm.CostHook')]
    cfg.load_from, cfg.resume = args.checkpoint, False
    set_up_cpu(cfg)
    check_data_root(cfg)
    runner = build_runner(cfg)
    check_data(cfg, ('test',))  # the processes are connected, no data set is built yet
    runner.test()
    del runner  # its model holds the process group
    leave_process_group()
