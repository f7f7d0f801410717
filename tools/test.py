"""Test a model: python tools/test.py CONFIG CHECKPOINT --data-root DIR."""

from pathlib import Path

from mmengine.runner import Runner

from usfm_mm.cli import add_run_options, build_runner, config_parser, load_config
from usfm_mm.datasets.downstream_check import check_data
from usfm_mm.hosts import leave_process_group, set_up_cpu

_SHOWN = 2000  # characters of the list of weights that do not fit


def load_all(runner: Runner, checkpoint: str) -> None:
    """Load a checkpoint that must fit: with weights left at random a test says nothing.

    Args:
        runner: Of the test.
        checkpoint: File.

    Raises:
        ValueError: If a weight of the model or of the checkpoint has no counterpart.
    """
    try:
        runner.load_checkpoint(checkpoint, strict=True)
    except RuntimeError as error:
        raise ValueError(
            f'{checkpoint} does not fit the model of {runner.cfg.filename}: test with the config, '
            f'--arch, --image-size and classes of its training.\n{str(error)[:_SHOWN]}'
        ) from error
    runner._has_loaded = True  # or it loads once more, and only warns of what does not fit


def main() -> None:
    """Test."""
    parser = config_parser('Test a model.')
    parser.add_argument('checkpoint', help='checkpoint file')
    add_run_options(parser)
    args = parser.parse_args()
    if not Path(args.checkpoint).is_file():
        parser.error(f'{args.checkpoint}: no such checkpoint')
    cfg = load_config(args)
    cfg.load_from = args.checkpoint
    set_up_cpu(cfg)
    runner = build_runner(cfg)
    check_data(cfg, ('test',))  # the processes are connected, no data set is built yet
    load_all(runner, args.checkpoint)
    runner.test()
    leave_process_group()


if __name__ == '__main__':
    main()
