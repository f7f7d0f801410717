"""Results by organ, of data sets that have several: the paper's Table 4."""

import csv
import statistics
from collections.abc import Sequence

from usfm_mm.experiments.collecting import COST
from usfm_mm.experiments.paper import paper_cell
from usfm_mm.experiments.plan import ADAPT, Experiment, Run
from usfm_mm.experiments.states import is_tested
from usfm_mm.experiments.tables import Rows, cell, groups, measures_of

PAPER = " (the paper's)"
_TASK = 'enhance'  # the one whose table tells organs
_BEFORE = 'low quality'


def organ_table(experiment: Experiment, rows: Rows, runs: Sequence[Run]) -> list[dict[str, str]]:
    """A row per data set, share, organ and method, what was there before, and the paper's rows.

    Args:
        experiment: For the methods' order.
        rows: Of :func:`~usfm_mm.experiments.collecting.collect`.
        runs: For the measures of the images before enhancement.

    Returns:
        Mean ± standard deviation over the seeds; empty where no data set has several organs.
    """
    own = [row for row in rows if row['task'] == _TASK]
    # What a model costs is not told by organ.
    measures = [name for name in measures_of(own, _TASK) if name not in COST]
    table = []
    for data, percent in dict.fromkeys(group[:2] for group in groups(own)):
        here = [row for row in own if (row['data'], row['percent']) == (data, percent)]
        parts = [row['measure'].split('/') for row in here]
        organs = sorted({part[1] for part in parts if len(part) == 2 and part[0] in measures})
        before = _before([run for run in runs if (run.data, run.percent) == (data, percent)])
        for organ in organs if len(organs) > 1 else ():
            keys = {'data': data, 'labels': f'{percent} %', 'organ': organ}
            if organ in before:
                table.append(keys | {'method': _BEFORE} | before[organ])
            for method in experiment.methods:
                mine = [row for row in here if row['method'] == method]
                if not mine:
                    continue
                seeds = len({row['seed'] for row in mine})
                cells = {
                    name: cell(
                        [row['value'] for row in mine if row['measure'] == f'{name}/{organ}'], seeds
                    )
                    for name in measures
                }
                table.append(keys | {'method': method} | cells)
            for method in ('CycleGAN', 'SimMIM', 'USFM'):
                asked = (organ.capitalize(), _TASK, method, percent)
                printed = {name: paper_cell(*asked, name) for name in measures}
                if any(printed.values()):
                    table.append(keys | {'method': f'{method}{PAPER}'} | printed)
    return table


def _before(runs: Sequence[Run]) -> dict[str, dict[str, str]]:
    """Measures of the images as they were, by organ: the same for all methods."""
    values: dict[str, dict[str, list[float]]] = {}
    for run in runs:
        if run.stage != ADAPT or not is_tested(run):
            continue
        with (run.results / 'per_image.csv').open(newline='', encoding='utf-8') as file:
            for row in csv.DictReader(file):
                own = values.setdefault(row['organ'], {})
                for name, value in row.items():
                    if name.endswith('_input'):
                        own.setdefault(name.removesuffix('_input'), []).append(float(value))
        break
    return {
        organ: {name: f'{statistics.fmean(own):.1f}' for name, own in measures.items()}
        for organ, measures in values.items()
    }
