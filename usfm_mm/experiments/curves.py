"""The curve of label efficiency of an experiment with several shares of the labels."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from usfm_mm.experiments.paper import paper_numbers
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
        paper[title] = _printed(data.paper, data.task, row['measure'])
    if not panels:
        return ''
    from usfm_mm.visualization.figures import save_figure, save_svg
    from usfm_mm.visualization.label_efficiency import label_efficiency

    figure = label_efficiency(panels, paper)
    save_figure(figure, folder / 'label_efficiency.png')
    text = save_svg(figure, folder / 'label_efficiency.svg').read_text(encoding='utf-8')
    return text[text.index('<svg') :]


def _printed(organ: str, task: str, measure: str) -> dict[str, list[tuple[int, float]]]:
    """What the paper prints of shares, of methods of which it prints more than that of 100 %."""
    found: dict[str, list[tuple[int, float]]] = {}
    for row in paper_numbers():
        if organ and (row['organ'], row['task'], row['measure']) == (organ, task, measure):
            point = (int(row['percent']), float(row['mean']))
            found.setdefault(row['method'], []).append(point)
    return {method: points for method, points in found.items() if len(points) > 1}
