"""The bars of an ablation: methods that start from several pre-trainings (the paper's Fig. 11)."""

from pathlib import Path

from usfm_mm.experiments.paper import paper_points
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
        printed = paper_points(data.paper, data.task, row['measure'])
        paper[title] = {
            method: of[row['percent']] for method, of in printed.items() if row['percent'] in of
        }
    if not panels:
        return ''
    from usfm_mm.visualization.bars import bars
    from usfm_mm.visualization.figures import save_both

    return save_both(bars(panels, paper), folder, 'ablation')
