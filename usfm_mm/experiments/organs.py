"""Enhancement by organ, beside the images before it: the paper's Table 4."""

import csv
import statistics
from collections.abc import Sequence

from usfm_mm.experiments.paper import paper_cell
from usfm_mm.experiments.plan import ADAPT, Experiment, Run
from usfm_mm.experiments.states import is_tested
from usfm_mm.experiments.tables import Rows, cell, groups

PAPER = " (the paper's)"
MEASURES = ('SSIM', 'LNCC', 'NMI', 'PSNR')
"""Of ``usfm_mm.EnhancementMetric``, in % and of PSNR in dB."""
ALL = 'all'
"""Stands for the organ in the rows of all of them."""

_TASK = 'enhance'
_BEFORE = 'low quality'
_Before = dict[str, dict[str, str]]


def organ_table(experiment: Experiment, rows: Rows, runs: Sequence[Run]) -> list[dict[str, str]]:
    """A row per data set, share, organ and method, what was there before, and the paper's rows.

    Args:
        experiment: For the methods' order.
        rows: Of :func:`~usfm_mm.experiments.collecting.collect`.
        runs: For the measures of the images before enhancement.

    Returns:
        Mean ± standard deviation over the seeds of the mean over the images; of several organs
        also over all images. Empty where nothing was enhanced.
    """
    enhanced = {row['data'] for row in rows if row['measure'] == MEASURES[0]}
    own = [row for row in rows if row['data'] in enhanced]
    table = []
    for data, percent in dict.fromkeys(group[:2] for group in groups(own)):
        here = [row for row in own if (row['data'], row['percent']) == (data, percent)]
        parts = [row['measure'].split('/') for row in here]
        organs = sorted({part[1] for part in parts if len(part) == 2 and part[0] in MEASURES})
        before = _before([run for run in runs if (run.data, run.percent) == (data, percent)])
        for organ in organs if len(organs) == 1 else [*organs, ALL]:
            keys = {'data': data, 'labels': f'{percent} %', 'organ': organ}
            table += [
                keys | {'method': name} | by[organ] for name, by in before.items() if organ in by
            ]
            suffix = '' if organ == ALL else f'/{organ}'
            for method in experiment.methods:
                mine = [row for row in here if row['method'] == method]
                if not mine:
                    continue
                seeds = len({row['seed'] for row in mine})
                cells = {
                    name: cell(
                        [row['value'] for row in mine if row['measure'] == f'{name}{suffix}'], seeds
                    )
                    for name in MEASURES
                }
                table.append(keys | {'method': method} | cells)
            for method in ('CycleGAN', 'SimMIM', 'USFM'):
                asked = (organ.capitalize(), _TASK, method, percent)
                printed = {name: paper_cell(*asked, name) for name in MEASURES}
                if any(printed.values()):
                    table.append(keys | {'method': f'{method}{PAPER}'} | printed)
    return table


def read_pairs(run: Run) -> dict[str, dict[str, str]]:
    """Rows of a test of enhancement by image; empty where the run was no such test."""
    path = run.results / 'per_image.csv'
    if run.stage != ADAPT or not is_tested(run) or not path.is_file():
        return {}
    with path.open(newline='', encoding='utf-8') as file:
        rows = {row.get('image', ''): row for row in csv.DictReader(file)}
    return rows if all('SSIM_input' in row for row in rows.values()) else {}


def _before(runs: Sequence[Run]) -> dict[str, _Before]:
    """Measures of the images as they were: the same for all methods, unless their sizes differ."""
    found: dict[str, _Before] = {}
    for run in runs:
        rows = list(read_pairs(run).values())
        if run.method in found or not rows:
            continue
        organs = sorted({row['organ'] for row in rows})
        found[run.method] = {
            organ: {
                'images': str(len(own)),
                **{
                    name: f'{statistics.fmean(float(row[f"{name}_input"]) for row in own):.1f}'
                    for name in MEASURES
                },
            }
            for organ in [*organs, ALL]
            if (own := [row for row in rows if organ in (row['organ'], ALL)])
        }
    first = next(iter(found.values()), {})
    if all(of == first for of in found.values()):
        return {_BEFORE: first}
    return {f'{_BEFORE}, as {method} gets it': of for method, of in found.items()}
