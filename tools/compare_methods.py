"""Train and test several methods with several seeds, and tell them apart in one table.

Every method sees the same images: the data root's lists, or the nested shares of its training list
that tools/prepare_data.py wrote. What is done is kept: the same command continues a stopped one.
"""

import argparse
import csv
import io
import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from usfm_mm.files import write_whole

EXAMPLES = """example:
  python tools/compare_methods.py --data-root data/busi --work-dir work_dirs/compare_busi \\
      --method 'USFM: configs/usfm/seg_custom_upernet.py' \\
      --method 'DynUNet: configs/baselines/seg_monai_dynunet.py' \\
      --seeds 0 1 2 --percent 20 100 --common '--cfg-options train_cfg.max_epochs=100'
"""
TOOLS = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Run:
    """One training with its test.

    Attributes:
        method: Its name in the table.
        arguments: Of tools/train.py: the config, then options.
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


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--method',
        action='append',
        required=True,
        metavar="'NAME: CONFIG [OPTIONS]'",
        help='what tools/train.py gets; may be given several times',
    )
    parser.add_argument('--data-root', required=True, help='made by tools/prepare_data.py')
    parser.add_argument('--work-dir', type=Path, required=True, help='folder for runs and table')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0])
    parser.add_argument(
        '--percent', type=int, nargs='+', default=[100], help='shares of the training list'
    )
    parser.add_argument('--common', default='', metavar="'OPTIONS'", help='options of all methods')
    return parser.parse_args(arguments)


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
        if not colon or not words or name in methods:
            raise ValueError(f"--method {text!r}: give 'NAME: CONFIG [OPTIONS]', each name once")
        if not Path(words[0]).is_file():
            raise FileNotFoundError(f'--method {name}: no config {words[0]}')
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
    shared = [*run.arguments[1:], *common, '--data-root', data_root, '--work-dir', str(run.folder)]
    options = [f'randomness.seed={run.seed}']
    if run.percent != 100:
        task = 'seg' if Path(run.arguments[0]).name.startswith('seg') else 'cls'
        ann_file = f'splits/{task}_train_{run.percent}.txt'
        if not Path(data_root, ann_file).is_file():
            raise FileNotFoundError(f'{Path(data_root, ann_file)}: no list of {run.percent} %')
        options.append(f'train_dataloader.dataset.ann_file={ann_file}')
    shared += ['--cfg-options', *options]
    train = [sys.executable, str(TOOLS / 'train.py'), run.arguments[0], '--resume', *shared]
    return train, [sys.executable, str(TOOLS / 'test.py'), run.arguments[0], *shared]


def execute(run: Run, data_root: str, common: Sequence[str]) -> None:
    """Train and test, unless it was done; the output goes to ``log.txt``.

    Raises:
        RuntimeError: Training or test failed, or left no best checkpoint.
    """
    if run.summary.is_file():
        return
    run.folder.mkdir(parents=True, exist_ok=True)
    train, test = commands(run, data_root, common)
    with open(run.folder / 'log.txt', 'a') as log:
        for command in (train, test):
            if command is test:
                best = sorted(run.folder.glob('best_*.pth'))
                if len(best) != 1:
                    raise RuntimeError(f'{run.folder} has {len(best)} best checkpoints, not one')
                command.insert(3, str(best[0]))
            print(shlex.join(command), file=log, flush=True)
            if subprocess.run(command, stdout=log, stderr=subprocess.STDOUT).returncode:
                raise RuntimeError(f'{shlex.join(command)} failed: see {run.folder / "log.txt"}')


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
            values = np.array([metrics[name] for metrics in results])
            spread = f' ± {values.std(ddof=1):.1f}' if len(values) > 1 else ''
            row[name] = f'{values.mean():.1f}{spread}'
        rows.append(row)
    return rows


def report(rows: list[dict[str, str]], folder: Path, console: Console) -> None:
    """Print the table and write it as ``results.csv`` and ``results.md``."""
    columns = list(rows[0])
    table = Table(title='Test set: mean ± standard deviation over the seeds')
    for name in columns:
        table.add_column(name)
    for row in rows:
        table.add_row(*row.values())
    console.print(table)
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
    write_whole(folder / 'results.csv', text.getvalue().encode())
    lines = [columns, ['---'] * len(columns), *(list(row.values()) for row in rows)]
    markdown = ''.join(f'| {" | ".join(line)} |\n' for line in lines)
    write_whole(folder / 'results.md', markdown.encode())
    console.print(f'{folder / "results.md"}', soft_wrap=True, highlight=False)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is missing, and tabulate."""
    args = parse_args(arguments)
    console = Console()
    try:
        runs = plan(args)
        common = shlex.split(args.common)
        for run in runs:
            commands(run, args.data_root, common)  # what is missing is told before hours are spent
        for number, run in enumerate(runs, 1):
            console.print(
                f'[{number}/{len(runs)}] {run.method}, {run.percent} %, seed {run.seed}: '
                f'{run.folder}',
                markup=False,
                soft_wrap=True,
                highlight=False,
            )
            execute(run, args.data_root, common)
    except (ValueError, OSError, RuntimeError) as error:
        raise SystemExit(f'error: {error}') from error
    report(tabulate(runs), args.work_dir, console)


if __name__ == '__main__':
    main()
