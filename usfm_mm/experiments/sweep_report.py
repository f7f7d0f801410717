"""The report of a sweep: printed, and as Markdown, CSV, Parquet and one page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from usfm_mm.experiments.collecting import collect, write_parquet
from usfm_mm.experiments.plan import Experiment, Run
from usfm_mm.experiments.predicting import predicting_table
from usfm_mm.experiments.report import html, refuse_missing, show
from usfm_mm.experiments.sections import runs_table
from usfm_mm.experiments.sweep_tables import best_table, cases_of_sweep, rank, ranking_table
from usfm_mm.experiments.tables import Rows, align, markdown, missing_runs
from usfm_mm.io.atomic import write_atomic
from usfm_mm.io.table import write_table

_CHOSEN = (
    'All on validation images; no test image was seen. The best of many points looks better on the '
    'images that chose it than it is.'
)


def report_sweep(
    experiment: Experiment, runs: Sequence[Run], folder: Path, console: Console
) -> None:
    """Print the points in their order, and write ``results.parquet``, ``.csv``, ``.md``, ``.html``.

    Raises:
        ChildProcessError: Some runs are not done; all that is there is written before.
        ValueError: No validation has the measure that counts.
    """
    rows = collect(runs)
    write_parquet(folder / 'results.parquet', rows)
    check_measures(experiment, rows)
    sections = sweep_sections(experiment, rows)
    columns, lines = align(_joined(experiment, rows))
    write_table(folder / 'results.csv', [dict(zip(columns, line, strict=True)) for line in lines])
    text = [f'# {experiment.title}\n', f'{experiment.note}\n' if experiment.note else '']
    for part in sections:
        text += [f'## {part["heading"]}\n', f'{part["text"]}\n', markdown(part['table'])]
    write_atomic(folder / 'results.md', '\n'.join(filter(None, text)).encode())
    write_atomic(folder / 'results.html', html(experiment, sections, folder).encode())
    for part in sections:
        if part['heading'] not in ('Runs', 'Not done'):
            shown = [{k: v for k, v in row.items() if k != 'folder'} for row in part['table']]
            show(shown, f'{experiment.title}: {part["heading"]}', console)
    console.print(f'{folder / "results.html"}', soft_wrap=True, highlight=False, markup=False)
    refuse_missing(missing_runs(rows), len(runs), folder)


def check_measures(experiment: Experiment, rows: Rows) -> None:
    """See that points can be told apart.

    Raises:
        ValueError: What is done of a task has other measures than the one that counts.
    """
    assert experiment.sweep is not None
    for task, name in experiment.sweep.measures.items():
        own = [row for row in rows if row['task'] == task and row['measure']]
        there = list(dict.fromkeys(row['measure'] for row in own))
        if there and name not in there:
            raise ValueError(
                f'sweep, measure, {task}: no validation has {name}, there are {", ".join(there)}: '
                'give one of these; what is done is kept'
            )


def sweep_sections(experiment: Experiment, rows: Rows) -> list[dict[str, Any]]:
    """Heading, sentence and table of each part of the report; empty tables are left out.

    Args:
        experiment: A sweep.
        rows: Of :func:`~usfm_mm.experiments.collecting.collect`.
    """
    sweep = experiment.sweep
    assert sweep is not None
    cases = cases_of_sweep(experiment)
    parts = [
        (
            "The best beside the authors'",
            f"{_CHOSEN} The difference is over the seeds that both have; 'as good' counts the "
            'points whose mean is no further from the best than its spread over the seeds.',
            best_table(sweep, rows, cases),
        ),
        (
            'What predicts results',
            'Rank correlation of a cheap measure of pre-trained encoders with the validation of '
            'models that start from them: 1 ranks them alike, 0 says nothing, and a lower loss '
            'counts as better.',
            predicting_table(experiment, rows),
        ),
        *(
            (
                f'{name}, {percent} %',
                f'By the validation {sweep.measures[data.task]}'
                f'{", lower is better" if data.task in sweep.lower else ""}; mean ± standard '
                'deviation over the seeds.',
                ranking_table(sweep, rank(sweep, rows, (name, percent), data.task), data.task),
            )
            for (name, percent), data in cases
        ),
        (
            'Not done',
            'Runs that failed, were cut or wait; none is left out, and no point that lacks one is '
            'called the best.',
            missing_runs(rows),
        ),
        ('Runs', 'What each number is made of.', runs_table(rows)),
    ]
    return [
        dict(heading=heading, text=text, table=table) for heading, text, table in parts if table
    ]


def _joined(experiment: Experiment, rows: Rows) -> list[dict[str, str]]:
    """All rankings in one table."""
    sweep = experiment.sweep
    assert sweep is not None
    return [
        {'data': name, 'labels': f'{percent} %'} | row
        for (name, percent), data in cases_of_sweep(experiment)
        for row in ranking_table(sweep, rank(sweep, rows, (name, percent), data.task), data.task)
    ]
