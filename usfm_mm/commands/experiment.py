"""Run an experiment, and what is left of one: usfm experiment small_study_quick.

An experiment is a file of YAML: data, methods, shares of the labels, seeds, and the pre-training
that methods start from. Each run has a folder with its command, state, log and results. What is
done is kept and what was cut goes on: the same command continues a stopped one. One with a grid of
options is a sweep: it tests nothing, and its report ranks the options on validation images.
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

SLURM_JOBS = 100
"""Jobs that may stand in Slurm's queue at once by default."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run what is missing, and tabulate."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('name', help='of an experiment of the package, or a .yaml file')
    parser.add_argument(
        '--work-dir',
        type=Path,
        default=Path('work_dirs/experiments'),
        help='experiments that share it share their runs (default: work_dirs/experiments)',
    )
    parser.add_argument(
        '--jobs', type=int, help=f'runs at once (default: 1; with --slurm: {SLURM_JOBS})'
    )
    parser.add_argument('--seeds', nargs='+', type=int, help='only these of the experiment')
    where = parser.add_mutually_exclusive_group()
    where.add_argument('--gpus', nargs='+', default=[], help='numbers, dealt out to the jobs')
    where.add_argument(
        '--slurm',
        nargs='+',
        metavar='KEY=VALUE',
        help='each run is a Slurm job with these options of sbatch: '
        '--slurm partition=gpu time=600 gpus-per-node=1',
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument('--dry-run', action='store_true', help='show the plan and run nothing')
    what.add_argument('--table', action='store_true', help='tabulate what is done, run nothing')
    args = parser.parse_args(argv)
    jobs = args.jobs if args.jobs is not None else SLURM_JOBS if args.slurm else 1
    if jobs < 1:
        parser.error(f'--jobs must be at least 1, got {jobs}')
    # Imported once they are needed.
    from usfm_mm.experiments.estimate import seconds_known, show_plan
    from usfm_mm.experiments.execution import execute
    from usfm_mm.experiments.plan import plan
    from usfm_mm.experiments.preflight import check_runs
    from usfm_mm.experiments.reading import find_experiment, read_experiment, with_seeds
    from usfm_mm.experiments.report import report
    from usfm_mm.experiments.scheduling import Execute, run_all
    from usfm_mm.experiments.slurm import slurm_executor, slurm_jobs
    from usfm_mm.experiments.states import check_same_options
    from usfm_mm.experiments.sweep_report import report_sweep
    from usfm_mm.experiments.telling import Progress

    console = Console()
    whole = read_experiment(find_experiment(args.name))
    experiment = with_seeds(whole, args.seeds)
    all_runs = plan(whole, args.work_dir)
    runs = [run for run in all_runs if run.seed in experiment.seeds]
    if args.dry_run:
        show_plan(experiment, runs, seconds_known(all_runs), jobs, console)
        return
    if not args.table:
        do: Execute = execute
        if args.slurm:
            do = slurm_jobs(slurm_executor(args.work_dir / 'slurm', args.slurm))
        for sentence in check_runs(experiment, runs):  # before hours are spent
            console.print(sentence, markup=False, highlight=False, soft_wrap=True)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # not to leave trainings behind
        run_all(runs, jobs, args.gpus, Progress(runs, jobs, console, all_runs), do)
    for run in runs if args.table else ():
        check_same_options(run)
    tell = report_sweep if experiment.sweep else report
    tell(experiment, runs, args.work_dir / experiment.name, console)
