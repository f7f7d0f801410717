"""The report of an experiment: printed, and as Markdown, CSV, LaTeX, figures and one page."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from usfm_mm.experiments.collecting import collect, write_parquet
from usfm_mm.experiments.comparing import cases_of, intervals
from usfm_mm.experiments.figures import draw_figures
from usfm_mm.experiments.latex import latex
from usfm_mm.experiments.plan import Experiment, Run
from usfm_mm.experiments.sections import PAPER, RESULTS, sections_of
from usfm_mm.experiments.tables import Rows, align, markdown
from usfm_mm.io.atomic import write_atomic
from usfm_mm.io.table import write_table

WIDE = 1000  # columns; a table takes what it needs
_PLAIN = '/,=+'  # of a link, beside letters and digits


def report(experiment: Experiment, runs: Sequence[Run], folder: Path, console: Console) -> None:
    """Print the results, and write ``results.parquet``, ``.csv``, ``.md``, ``.tex`` and ``.html``.

    Figures as PNG and SVG too, see :func:`~usfm_mm.experiments.figures.draw_figures`.

    Raises:
        ChildProcessError: Some runs are not done; all that is there is written before.
    """
    rows = collect(runs)
    write_parquet(folder / 'results.parquet', rows)
    cases = cases_of(runs)
    found = intervals(experiment, cases)
    sections = sections_of(experiment, rows, cases, found, runs)
    results = [part['table'] for part in sections if part['heading'].startswith(RESULTS)]
    columns, lines = align([row for table in results for row in table])
    write_table(folder / 'results.csv', [dict(zip(columns, line, strict=True)) for line in lines])
    caption = ' '.join(filter(None, [f'{experiment.title}.', experiment.note]))
    write_atomic(folder / 'results.tex', '\n'.join(latex(it, caption) for it in results).encode())
    figures = draw_figures(experiment, runs, found, folder)
    text = [f'# {experiment.title}\n', f'{experiment.note}\n' if experiment.note else '']
    for part in sections:
        text += [f'## {part["heading"]}\n', f'{part["text"]}\n', markdown(part['table'])]
    for each in figures:
        image = f'![{each["heading"].lower()}]({quote(each["name"])}.png)'
        text += [f'## {each["heading"]}\n', f'{each["text"]}\n', f'{image}\n']
    write_atomic(folder / 'results.md', '\n'.join(filter(None, text)).encode())
    page = html(experiment, sections, folder, figures)
    write_atomic(folder / 'results.html', page.encode())
    for part in sections:
        if part['heading'] not in ('Runs', 'Not done'):
            show(part['table'], f'{experiment.title}: {part["heading"]}', console)
    if experiment.note:
        console.print(experiment.note, markup=False)
    console.print(f'{folder / "results.html"}', soft_wrap=True, highlight=False, markup=False)
    missing: Rows = next((it['table'] for it in sections if it['heading'] == 'Not done'), [])
    refuse_missing(missing, len(runs), folder)


def refuse_missing(missing: Rows, runs: int, folder: Path) -> None:
    """Let nobody take half of an experiment for the whole.

    Args:
        missing: Of :func:`~usfm_mm.experiments.tables.missing_runs`.
        runs: How many there are.
        folder: Of the report.

    Raises:
        ChildProcessError: Some runs are not done.
    """
    if missing:
        raise ChildProcessError(
            f'{len(missing)} of {runs} runs are not done ({folder / "results.md"} lists '
            f'them), such as {missing[0]["run"]}: {missing[0]["why"] or missing[0]["state"]}. The '
            'same command goes on'
        )


def html(
    experiment: Experiment,
    sections: Sequence[dict[str, Any]],
    folder: Path,
    figures: Sequence[dict[str, str]] = (),
) -> str:
    """One page without anything beside it; its rows link to the folders of the runs.

    Args:
        experiment: For title and note.
        sections: Of :func:`~usfm_mm.experiments.sections.sections_of`.
        folder: Of the page; links are relative to it.
        figures: Of :func:`~usfm_mm.experiments.figures.draw_figures`.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    ran = [row['folder'] for part in sections if part['heading'] == 'Runs' for row in part['table']]
    anchors = {_anchor(place) for place in ran}
    told = []
    for part in sections:
        columns, lines = align(part['table'])
        shown = []
        for row, cells in zip(part['table'], lines, strict=True):
            name, place = row.get('method', ''), row.get('folder', '')
            runs = f'{row.get("data", "")}/{name}'
            href = quote(os.path.relpath(place, folder), _PLAIN) if place else ''
            if runs in anchors:
                href = f'#{quote(runs, _PLAIN)}'
            anchor = _anchor(place) if part['heading'] == 'Runs' else ''
            paper = name.endswith(PAPER)
            shown.append(dict(cells=cells, paper=paper, href=href, id=anchor))
        told.append(dict(part, columns=columns, lines=shown))
    loader = PackageLoader('usfm_mm.experiments', '.')
    environment = Environment(loader=loader, undefined=StrictUndefined, autoescape=True)
    return environment.get_template('report.html.j2').render(
        title=experiment.title,
        note=experiment.note,
        sections=told,
        figures=[dict(each, svg=Markup(each['svg'])) for each in figures],
    )


def _anchor(place: str) -> str:
    """Data and method of a run's folder."""
    return '/'.join(Path(place).parts[-3:-1])


def show(table: Rows, title: str, console: Console) -> None:
    """Print a table; no number is cut off, whatever the width of the console."""
    columns, lines = align(table)
    drawn = Table(*map(escape, columns), title=escape(title))
    for line in lines:
        drawn.add_row(*map(escape, line))
    console.width = max(console.width, WIDE)
    console.print(drawn)
