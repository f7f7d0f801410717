"""The bars of an ablation: methods that start from several pre-trainings (the paper's Fig. 11)."""

from pathlib import Path
from typing import Any

from usfm_mm.experiments.paper import paper_numbers
from usfm_mm.experiments.plan import Experiment
from usfm_mm.experiments.tables import Rows


def draw_ablation(experiment: Experiment, found: Rows, folder: Path) -> str:
    """Write ``ablation.png`` and ``.svg``, of the largest share of the labels.

    Args:
        experiment: For its methods and what the paper prints of its data.
        found: Of :func:`~usfm_mm.experiments.comparing.intervals`.
        folder: To write to.

    Returns:
        The SVG's text from its first element on; empty where fewer than two pre-trainings are
        compared, or nothing is done yet.
    """
    starts = {method.pretrained for method in experiment.methods.values()} - {''}
    panels: dict[str, dict[str, tuple[float, float, float]]] = {}
    paper: dict[str, dict[str, float]] = {}
    for row in found if len(starts) > 1 else ():
        if row['percent'] != max(experiment.percent):
            continue
        data = experiment.data[row['data']]
        title = f'{row["data"]}, {row["measure"]} %'
        panels.setdefault(title, {})[row['method']] = (row['value'], row['low'], row['high'])
        paper[title] = _printed(data.paper, data.task, row['measure'], row['percent'])
    if not panels:
        return ''
    from usfm_mm.visualization.bars import bars
    from usfm_mm.visualization.figures import save_figure, save_svg

    figure = bars(panels, paper)
    save_figure(figure, folder / 'ablation.png')
    text = save_svg(figure, folder / 'ablation.svg').read_text(encoding='utf-8')
    return text[text.index('<svg') :]


def _printed(organ: str, task: str, measure: str, percent: int) -> dict[str, float]:
    asked: dict[str, Any] = dict(organ=organ, task=task, measure=measure, percent=str(percent))
    return {
        row['method']: float(row['mean'])
        for row in paper_numbers()
        if organ and all(row[key] == value for key, value in asked.items())
    }
