"""The curve of label efficiency of an experiment with several shares of the labels."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from usfm_mm.experiments.paper import paper_points
from usfm_mm.experiments.plan import Experiment


def draw_curves(experiment: Experiment, rows: Sequence[dict[str, Any]], folder: Path) -> str:
    """Write ``label_efficiency.png`` and ``.svg``.

    Args:
        experiment: For what the paper prints of its data.
        rows: Of :func:`~usfm_mm.experiments.comparing.intervals`.
        folder: To write to.

    Returns:
        The SVG's text from its first element on; empty where there is one share, or nothing yet.
    """
    if len(experiment.percent) < 2:
        return ''
    panels: dict[str, dict] = {}
    paper: dict[str, dict] = {}
    for row in rows:
        data = experiment.data[row['data']]
        title = f'{row["data"]}, {row["measure"]} %'
        point = (row['percent'], row['value'], row['low'], row['high'])
        panels.setdefault(title, {}).setdefault(row['method'], []).append(point)
        printed = paper_points(data.paper, data.task, row['measure'])
        # That of 100 % alone is no curve.
        paper[title] = {name: list(of.items()) for name, of in printed.items() if len(of) > 1}
    if not panels:
        return ''
    from usfm_mm.visualization.figures import save_both
    from usfm_mm.visualization.label_efficiency import label_efficiency

    return save_both(label_efficiency(panels, paper), folder, 'label_efficiency')
