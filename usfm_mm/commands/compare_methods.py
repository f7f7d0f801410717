"""Train and test several methods with several seeds, and tell them apart in one table.

Every method sees the same images: the data root's lists, or the nested shares of its training list
that "usfm prepare" wrote. What is done is kept: the same command continues a stopped one.
"""

import argparse
import json
import math
import shlex
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.table import Table

from usfm_mm.config.files import find_config
from usfm_mm.io.atomic import write_atomic
from usfm_mm.io.table import write_table

EXAMPLES = """example:
  usfm compare --data-root data/busi --work-dir work_dirs/compare_busi \\
      --method 'USFM: usfm/seg_custom_upernet' \\
      --method 'DynUNet: baselines/seg_monai_dynunet' \\
      --seeds 0 1 2 --percent 20 100 --common='--cfg-options train_cfg.max_epochs=100'
"""
USFM = (sys.executable, '-m', 'usfm_mm')
WIDE = 1000  # columns; a table takes what it needs
TRAIN_ONLY = ('--amp', '--auto-scale-lr')


@dataclass(frozen=True)
class Run:
    """One training with its test.

    Attributes:
        method: Its name in the table.
        arguments: Of "usfm train": the config, then options.
        percent: Share of the training list.
        seed: Of everything random.
        folder: Its work dir.
    """

    method: str
    arguments: tuple[str, ...]
    percent: int
    seed: int
    folder: Path

    @property
    def summary(self) -> Path:
        """What the test writes at its end."""
        return self.folder / 'test' / 'summary.json'


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
    return parser.parse_args(argv)


def plan(args: argparse.Namespace) -> list[Run]:
    """All runs, seed by seed, so that a stopped comparison has something of every method.

    Raises:
        ValueError: A method is not 'NAME: CONFIG ...', or two have one name.
        FileNotFoundError: A config, or the list of a share, does not exist.
    """
    methods: dict[str, tuple[str, ...]] = {}
    for text in args.method:
        name, colon, command = text.partition(':')
        words = tuple(shlex.split(command))
        if not (colon and words) or name in methods:
            raise ValueError(f"--method {text!r}: give 'NAME: CONFIG [OPTIONS]', each name once")
        find_config(words[0])
        methods[name] = words
    return [
        Run(name, words, percent, seed, args.work_dir / name / f'{percent}_percent_seed_{seed}')
        for seed in args.seeds
        for percent in args.percent
        for name, words in methods.items()
    ]


def commands(run: Run, data_root: str, common: Sequence[str]) -> tuple[list[str], list[str]]:
    """Command lines of training and test; the test's lacks the checkpoint as second argument.

    Raises:
        FileNotFoundError: The data root has no list of this share.
    """
    options = ['--cfg-options', f'randomness.seed={run.seed}']
    if run.percent != 100:
        from usfm_mm.config.options import load_plain

        whole = load_plain(run.arguments[0]).train_dataloader.dataset.ann_file
        ann_file = whole.replace('.txt', f'_{run.percent}.txt')
        if not Path(data_root, ann_file).is_file():
            raise FileNotFoundError(f'{Path(data_root, ann_file)}: no list of {run.percent} %')
        options.append(f'train_dataloader.dataset.ann_file={ann_file}')
    given = [*run.arguments[1:], *common]
    places = ['--data-root', data_root, '--work-dir', str(run.folder)]
    train = [*USFM, 'train', run.arguments[0], '--resume', *given, *places, *options]
    given = [word for word in given if word not in TRAIN_ONLY]
    test = [*USFM, 'test', run.arguments[0], *given, *places, *options]
    return train, test


def check_unchanged(run: Run, train: Sequence[str]) -> None:
    """Refuse to take the results of another command for those of this one.

    Raises:
        ValueError: The run's folder was made by another command.
    """
    path = run.folder / 'command.txt'
    if run.folder.exists() and (not path.is_file() or path.read_text() != shlex.join(train)):
        raise ValueError(
            f'{run.folder} was made with other options: give the same, name another --work-dir, or '
            f'remove it; {path} has the command'
        )


def execute(run: Run, data_root: str, common: Sequence[str]) -> None:
    """Train and test, unless it was done; the output goes to ``log.txt``.

    Raises:
        ChildProcessError: Training or test failed, or left no best checkpoint.
    """
    if run.summary.is_file():
        return
    train, test = commands(run, data_root, common)
    run.folder.mkdir(parents=True, exist_ok=True)
    write_atomic(run.folder / 'command.txt', shlex.join(train).encode())
    with open(run.folder / 'log.txt', 'a') as log:
        call(train, log)
        # A run that was killed early and begun anew may have left an older one.
        best = sorted(run.folder.glob('best_*.pth'), key=lambda path: path.stat().st_mtime)
        if not best:
            raise ChildProcessError(f'{run.folder} has no best checkpoint: see log.txt there')
        config = len(USFM) + 1  # its place; the checkpoint follows it
        call([*test[: config + 1], str(best[-1]), *test[config + 1 :]], log)


def call(command: Sequence[str], log: TextIO) -> None:
    """Run a command, stopped with this process; failing with a ``ChildProcessError``."""
    print(shlex.join(command), file=log, flush=True)
    with subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT) as process:
        try:
            status = process.wait()
        except BaseException:
            process.terminate()  # it saves a checkpoint
            process.wait()
            raise
    if status:
        raise ChildProcessError(f'{shlex.join(command)} failed: see {log.name}')


def tabulate(runs: Sequence[Run]) -> list[dict[str, str]]:
    """A row per method and share: mean ± standard deviation over the seeds of each measure.

    The spread within a test set, which a run gives as ``*_std``, is another one and left out.
    """
    done: dict[tuple[str, int], list[dict[str, float]]] = {}
    for run in runs:
        if run.summary.is_file():
            metrics = json.loads(run.summary.read_text())['metrics']
            done.setdefault((run.method, run.percent), []).append(metrics)
    rows = []
    for (method, percent), results in done.items():
        row = {'method': method, 'training set': f'{percent} %', 'seeds': str(len(results))}
        for name in results[0]:
            if name.endswith('_std') or '/' in name:
                continue
            values = [metrics[name] for metrics in results]
            spread = f' ± {statistics.stdev(values):.1f}' if len(values) > 1 else ''
            row[name] = f'{statistics.fmean(values):.1f}{spread}'
        rows.append(row)
    return rows


def report(rows: list[dict[str, str]], folder: Path, console: Console) -> None:
    """Print the table and write it as ``results.csv`` and ``results.md``."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    rows = [{name: row.get(name, '') for name in columns} for row in rows]
    table = Table(*columns, title='Test set: mean ± standard deviation over the seeds')
    lines = [list(row.values()) for row in rows]
    for line in lines:
        table.add_row(*line)
    console.width = max(console.width, WIDE)  # numbers would be cut off without a terminal
    console.print(table)
    write_table(folder / 'results.csv', rows)
    lines = [columns, ['---'] * len(columns), *lines]
    markdown = ''.join(f'| {" | ".join(line)} |\n' for line in lines)
    write_atomic(folder / 'results.md', markdown.encode())
    console.print(f'{folder / "results.md"}', soft_wrap=True, highlight=False)


def main(argv: Sequence[str] | None = None) -> None:
    """Run what is missing, and tabulate."""
    args, console = parse_args(argv), Console()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # not to leave a training behind
    runs = plan(args)
    common = shlex.split(args.common)
    for run in runs:  # what is wrong is told before hours are spent
        check_unchanged(run, commands(run, args.data_root, common)[0])
    waiting = [run for run in runs if not run.summary.is_file()]
    start = time.monotonic()
    for number, run in enumerate(waiting):
        left = (time.monotonic() - start) / number * (len(waiting) - number) if number else 0
        console.print(
            f'[{number + 1}/{len(waiting)}] {run.method}, {run.percent} %, seed {run.seed}: '
            f'{run.folder}' + (f', about {math.ceil(left / 60)} min left' if number else ''),
            markup=False,
            soft_wrap=True,
            highlight=False,
        )
        execute(run, args.data_root, common)
    report(tabulate(runs), args.work_dir, console)
