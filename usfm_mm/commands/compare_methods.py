"""Train and test several methods with several seeds, and tell them apart in one table.

An experiment (see "usfm experiment") without a file: one data set, methods from the command line.
Every method sees the same images: the data root's lists, or the nested shares of its training list
that "usfm prepare" wrote. What is done is kept: the same command continues a stopped one.
"""

import argparse
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from usfm_mm.experiments.plan import Experiment

EXAMPLES = """example:
  usfm compare --data-root data/busi --work-dir work_dirs/compare_busi \\
      --method 'USFM: usfm/seg_custom_upernet' \\
      --method 'DynUNet: baselines/seg_monai_dynunet' \\
      --seeds 0 1 2 --percent 20 100 --common='--cfg-options train_cfg.max_epochs=100'
"""
_TASK = 'compared'


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--method',
        action='append',
        required=True,
        metavar="'NAME: CONFIG [OPTIONS]'",
        help='what "usfm train" gets; may be given several times',
    )
    parser.add_argument('--data-root', required=True, help='made by "usfm prepare"')
    parser.add_argument('--work-dir', type=Path, required=True, help='folder for runs and table')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0])
    parser.add_argument(
        '--percent', type=int, nargs='+', default=[100], help='of the training list'
    )
    parser.add_argument(
        '--common',
        default='',
        metavar="'OPTIONS'",
        help="options of usfm train for all methods, after an equals sign: --common='--amp'",
    )
    parser.add_argument('--jobs', type=int, default=1, help='runs at once (default: 1)')
    args = parser.parse_args(argv)
    if args.jobs < 1:
        parser.error(f'--jobs must be at least 1, got {args.jobs}')
    return args


def experiment_of(args: argparse.Namespace) -> 'Experiment':
    """The experiment that a command line stands for.

    Raises:
        ValueError: A method is not 'NAME: CONFIG ...', or two have one name.
        FileNotFoundError: A config does not exist.
    """
    from usfm_mm.experiments.reading import make_experiment

    methods: dict[str, dict[str, str]] = {}
    for text in args.method:
        name, colon, command = text.partition(':')
        if not (colon and shlex.split(command)) or name in methods:
            raise ValueError(f"--method {text!r}: give 'NAME: CONFIG [OPTIONS]', each name once")
        methods[name] = {_TASK: command}
    data = Path(args.data_root)
    return make_experiment(
        '',
        dict(
            title=f'Methods on {data.name}',
            seeds=args.seeds,
            percent=args.percent,
            data={data.resolve().name or 'data': dict(task=_TASK, root=args.data_root)},
            options={_TASK: args.common},
            methods=methods,
        ),
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Run what is missing, and tabulate."""
    args = parse_args(argv)
    from usfm_mm.experiments.plan import plan  # imported once they are needed
    from usfm_mm.experiments.preflight import check_runs
    from usfm_mm.experiments.report import report
    from usfm_mm.experiments.scheduling import run_all
    from usfm_mm.experiments.telling import Progress

    console, experiment = Console(), experiment_of(args)
    runs = plan(experiment, args.work_dir)
    check_runs(experiment, runs)  # what is wrong is told before hours are spent
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # not to leave trainings behind
    run_all(runs, args.jobs, tell=Progress(runs, args.jobs, console))
    report(experiment, runs, args.work_dir, console)
