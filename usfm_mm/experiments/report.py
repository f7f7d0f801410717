"""The tables of an experiment, printed and written."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from usfm_mm.experiments.collecting import collect, write_parquet
from usfm_mm.experiments.plan import Experiment, Run
from usfm_mm.experiments.tables import Rows, align, markdown, missing_runs, summarise
from usfm_mm.io.atomic import write_atomic
from usfm_mm.io.table import write_table

WIDE = 1000  # columns; a table takes what it needs


def report(experiment: Experiment, runs: Sequence[Run], folder: Path, console: Console) -> None:
    """Print the table, and write ``results.parquet``, ``results.csv`` and ``results.md``.

    Raises:
        ChildProcessError: Some runs are not done; all that is there is written before.
    """
    rows = collect(runs)
    write_parquet(folder / 'results.parquet', rows)
    table, missing = summarise(rows), missing_runs(rows)
    columns, lines = align(table)
    write_table(folder / 'results.csv', [dict(zip(columns, line, strict=True)) for line in lines])
    text = [f'# {experiment.title}\n', experiment.note, markdown(table)]
    if missing:
        text += ['Not done:\n', markdown(missing)]
    write_atomic(folder / 'results.md', '\n'.join(filter(None, text)).encode())
    show(table, f'{experiment.title}: mean ± standard deviation over the seeds', console)
    if experiment.note:
        console.print(experiment.note, markup=False)
    console.print(f'{folder / "results.md"}', soft_wrap=True, highlight=False)
    if missing:
        raise ChildProcessError(
            f'{len(missing)} of {len(runs)} runs are not done ({folder / "results.md"} lists '
            f'them), such as {missing[0]["run"]}: {missing[0]["why"] or missing[0]["state"]}. The '
            'same command goes on'
        )


def show(table: Rows, title: str, console: Console) -> None:
    """Print a table; no number is cut off, whatever the width of the console."""
    columns, lines = align(table)
    drawn = Table(*columns, title=title)
    for line in lines:
        drawn.add_row(*line)
    console.width = max(console.width, WIDE)
    console.print(drawn)
