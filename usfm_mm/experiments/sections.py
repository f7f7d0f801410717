"""The report of an experiment as tables: what is told, apart from how it is written."""

from collections.abc import Sequence
from typing import Any

from usfm_mm.experiments.comparing import Cases, against_best_other, not_compared
from usfm_mm.experiments.embeddings import organ_features_table, read_features
from usfm_mm.experiments.organs import PAPER, organ_table
from usfm_mm.experiments.paper import paper_cell, paper_numbers
from usfm_mm.experiments.plan import Experiment, Run
from usfm_mm.experiments.robustness import robustness_table
from usfm_mm.experiments.tables import Rows, cell, measures_of, missing_runs, summarise

RESULTS = 'Results'
_TASKS = {
    'seg': 'segmentation',
    'cls': 'classification',
    'clips': 'classification of clips',
    'probe': 'linear probe',
    'knn': 'k-NN',
    'enhance': 'enhancement',
}
_PAPER_TEXT = (
    "Rows marked as the paper's are its own numbers, of its own data, splits and models: ± is over "
    'test images (classification: a bootstrap), ours over the seeds.'
)


def sections_of(
    experiment: Experiment,
    rows: Rows,
    cases: Cases,
    found: Sequence[dict[str, Any]],
    runs: Sequence[Run] = (),
) -> list[dict[str, Any]]:
    """Heading, sentence and table of each part of the report; empty tables are left out.

    Args:
        experiment: For its data and its method.
        rows: Of :func:`~usfm_mm.experiments.collecting.collect`.
        cases: Of :func:`~usfm_mm.experiments.comparing.cases_of`.
        found: Of :func:`~usfm_mm.experiments.comparing.intervals`.
        runs: For what images were like before they were enhanced.
    """
    against, apart = against_best_other(experiment, cases), _apart(experiment, cases)
    parts = [
        *(
            (
                f'{RESULTS}, {_TASKS.get(task, task)}',
                f'Mean ± standard deviation over the seeds. {_PAPER_TEXT}',
                with_paper(experiment, summarise([row for row in rows if row['task'] == task])),
            )
            for task in dict.fromkeys(row['task'] for row in rows if row['data'])
        ),
        (
            f'{RESULTS} by organ, {_TASKS["enhance"]}',
            'Mean ± standard deviation over the seeds, PSNR in dB, the others in %; low quality is '
            f'the images before. {_PAPER_TEXT}',
            organ_table(experiment, rows, runs),
        ),
        (
            'Intervals',
            '95 % intervals by a bootstrap over seeds and patients; an image whose patient is not '
            'told is taken for one.' + ('' if against else apart),
            [_interval(row) for row in found],
        ),
        (
            f'{experiment.about or "One method"} against the best other method',
            'On the seeds that both have. p is of a permutation test over patients, then corrected '
            'for the number of rows (Holm). Which other one is best was seen on the same images.'
            + apart,
            [_comparison(row) for row in against],
        ),
        (
            'Robustness',
            'Mean over the seeds on the test images, and on the same ones made worse; drop is the '
            'share of the former that is lost at the highest severity.',
            robustness_table(rows),
        ),
        (
            'Features by organ',
            'Of pre-trained encoders, before any label: the silhouette of organs, and the share of '
            'images whose organ is the most frequent one among the nearest others, mean over '
            f'organs. {read_features(runs)[1]}'.rstrip(),
            organ_features_table(runs),
        ),
        (
            'Not done',
            'Runs that failed, were cut or wait; no mean leaves them out silently.',
            missing_runs(rows),
        ),
        ('Runs', 'What each number is made of.', runs_table(rows)),
    ]
    return [
        dict(heading=heading, text=text, table=table) for heading, text, table in parts if table
    ]


def with_paper(experiment: Experiment, table: list[dict[str, str]]) -> list[dict[str, str]]:
    """The paper's rows behind ours of the same data and share."""
    found: list[dict[str, str]] = []
    for number, row in enumerate(table):
        found.append(row)
        case = (row['data'], row['labels'])
        if case == tuple((*table, {})[number + 1].get(key) for key in ('data', 'labels')):
            continue
        data, percent = experiment.data[row['data']], int(row['labels'].split()[0])
        names = [name for name in row if name not in ('data', 'labels', 'method')]
        told = dict.fromkeys(of['method'] for of in paper_numbers() if of['task'] == data.task)
        for method in told if data.paper else ():
            asked = (data.paper, data.task, method, percent)
            cells = {name: paper_cell(*asked, name) for name in names}
            if any(cells.values()):
                found.append(dict(row, method=f'{method}{PAPER}') | cells)
    return found


def runs_table(rows: Rows) -> list[dict[str, str]]:
    """A row per run: its measures, machine, time and folder."""
    found: dict[str, dict[str, str]] = {}
    shown = {
        task: measures_of([row for row in rows if row['task'] == task], task)
        for task in {row['task'] for row in rows}
    }
    for row in rows:
        own = found.setdefault(
            row['folder'],
            {
                'run': f'{row["method"]}, {row["data"] or "pre-training"}',
                'labels': f'{row["percent"]} %' if row['data'] else '',
                'seed': str(row['seed']),
                'state': row['state'],
                'seconds': f'{row["seconds"] or 0:.0f}',
                'commit': row['commit'] or '',
                'device': row['device'] or '',
                'folder': row['folder'],
            },
        )
        if row['data'] and row['measure'] in shown[row['task']]:
            own[row['measure']] = cell([row['value']], 1)
    return list(found.values())


def _interval(row: dict[str, Any]) -> dict[str, str]:
    known = row['low'] == row['low']  # not NaN
    ends = f'[{row["low"]:.1f}, {row["high"]:.1f}]' if known else '(one patient)'
    value = f'{row["value"]:.1f} {ends}'
    keys = {'data': row['data'], 'labels': f'{row["percent"]} %', 'method': row['method']}
    told = {'measure': row['measure'], 'value [95 %]': value}
    return keys | told | {key: str(row[key]) for key in ('seeds', 'images', 'patients')}


def _comparison(row: dict[str, Any]) -> dict[str, str]:
    told = _interval(row | dict(value=row['difference']))
    told['difference [95 %]'] = told.pop('value [95 %]')
    return told | {
        'best other': row['other'],
        'p': f'{row["p"]:.3f}',
        'Holm': f'{row["p_holm"]:.3f}',
    }


def _apart(experiment: Experiment, cases: Cases) -> str:
    found = '; '.join(not_compared(experiment, cases))
    return found and f' Not compared, for want of the same images and a seed in common: {found}.'
