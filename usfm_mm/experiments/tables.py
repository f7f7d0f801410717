"""Tables of an experiment: mean ± standard deviation over seeds, failures in the cell."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

from usfm_mm.experiments.collecting import COST
from usfm_mm.experiments.plan import ADAPT, KNN

Rows = Sequence[dict[str, Any]]

_OF_CLASSES = ('ACC', 'Recall', 'PREC', 'F1', 'MCC', 'ECE')
_MEASURES = {
    'seg': ('DSC', 'HD95', 'IoU', 'ACC', 'SEN'),  # as in the paper's Tables 2 to 4
    'cls': _OF_CLASSES,
    'clips': _OF_CLASSES,
    'probe': _OF_CLASSES,
    KNN: _OF_CLASSES,
    'enhance': ('SSIM', 'LNCC', 'NMI', 'PSNR'),
}
_LEADING = ('DSC', 'F1', 'SSIM', 'AUC', 'R2')


def measures_of(rows: Rows, task: str = '') -> list[str]:
    """Measures to show: the paper's where the task is one of its, else all but spreads and parts.

    ``*_std`` is the spread within a test set, another one than that over the seeds.
    """
    found = dict.fromkeys(row['measure'] for row in rows if row['measure'])
    plain = [name for name in found if not name.endswith('_std') and '/' not in name]
    shown = [name for name in _MEASURES.get(task, ()) if name in found]
    shown = shown or [name for name in plain if name not in COST]
    return shown + [name for name in COST if name in found]


def leading(measures: Sequence[str]) -> str:
    """The one that methods are compared by: the paper's of Fig. 10 and 11, where it is there."""
    return next((name for name in _LEADING if name in measures), measures[0] if measures else '')


def groups(rows: Rows) -> list[tuple[str, int, str]]:
    """Data, share and method of the rows of adaptation, in their order."""
    keys = [(row['data'], row['percent'], row['method']) for row in rows if row['stage'] == ADAPT]
    return sorted(dict.fromkeys(keys), key=lambda key: (_first(keys, 0, key), key[1]))


def _first(keys: Sequence[tuple], place: int, key: tuple) -> int:
    return [each[place] for each in keys].index(key[place])


def summarise(rows: Rows) -> list[dict[str, str]]:
    """A row per data set, share and method, a column per measure.

    A cell of which runs are missing says so; a mean is over those that are done.

    Example:
        >>> row = dict(stage='adapt', data='busi', task='seg', method='USFM', percent=100,
        ...            state='done', measure='DSC')
        >>> failed = row | dict(seed=2, state='failed', measure='', value=None)
        >>> summarise([row | dict(seed=0, value=60.0), row | dict(seed=1, value=64.0), failed])[0]
        {'data': 'busi', 'labels': '100 %', 'method': 'USFM', 'DSC': '62.0 ± 2.8 (2 of 3 seeds)'}
    """
    table = []
    for data, percent, method in groups(rows):
        own = [
            row for row in rows
            if (row['data'], row['percent'], row['method']) == (data, percent, method)
        ]  # fmt: skip
        cells = {'data': data, 'labels': f'{percent} %', 'method': method}
        task = own[0]['task']
        names = measures_of([row for row in rows if row['task'] == task], task)
        seeds = {row['seed'] for row in own}
        for name in names or ['runs']:
            values = [row['value'] for row in own if row['measure'] == name]
            cells[name] = cost_cell(values) if name in COST else cell(values, len(seeds))
        table.append(cells)
    return table


def cell(values: Sequence[float], seeds: int) -> str:
    """Mean ± sample standard deviation, and of how many seeds where some have no number.

    Example:
        >>> cell([60.0, 64.0], 2), cell([60.0, float('nan')], 2), cell([], 3)
        ('62.0 ± 2.8', '60.0 (1 of 2 seeds)', '0 of 3 seeds')
    """
    values = [value for value in values if math.isfinite(value)]
    if not values:
        return f'0 of {seeds} seeds'
    spread = f' ± {statistics.stdev(values):.1f}' if len(values) > 1 else ''
    missing = f' ({len(values)} of {seeds} seeds)' if len(values) < seeds else ''
    return f'{statistics.fmean(values):.1f}{spread}{missing}'


def cost_cell(values: Sequence[float]) -> str:
    """Mean of what a model costs, to three digits.

    Example:
        >>> cost_cell([85.8, 85.8]), cost_cell([1234.5]), cost_cell([0.05123])
        ('85.8', '1234', '0.0512')
    """
    if not values:
        return ''
    mean = statistics.fmean(values)
    return f'{mean:.0f}' if mean >= 1000 else f'{mean:.3g}'


def missing_runs(rows: Rows) -> list[dict[str, str]]:
    """Runs that are not done, with what is known of why."""
    found = {}
    for row in rows:
        if row['state'] != 'done':
            what = f'{row["data"]}, {row["percent"]} %' if row['data'] else 'pre-training'
            found[row['folder']] = {
                'run': f'{row["method"]}, {what}, seed {row["seed"]}',
                'state': row['state'],
                'why': row['error']
                or ('tests with worse images are left' if row['measure'] else ''),
                'folder': row['folder'],
            }
    return list(found.values())


def align(table: Rows) -> tuple[list[str], list[list[str]]]:
    """Columns and lines of rows that may lack some."""
    columns = list(dict.fromkeys(name for row in table for name in row))
    return columns, [[str(row.get(name, '')) for name in columns] for row in table]


def markdown(table: Rows) -> str:
    """A table for GitHub; empty without rows.

    Example:
        >>> print(markdown([{'a': 1}]), end='')
        | a |
        | --- |
        | 1 |
    """
    columns, lines = align(table)
    if not columns:
        return ''
    shown = [columns, ['---'] * len(columns), *lines]
    return ''.join(f'| {" | ".join(text.replace("|", "/") for text in line)} |\n' for line in shown)
