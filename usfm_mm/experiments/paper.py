"""The paper's own numbers, to stand beside ours and never among them."""

import csv
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name('paper.csv')


@cache
def paper_numbers() -> tuple[dict[str, str], ...]:
    """What the paper prints of Tables 2 to 5 and sections 5.3 and 5.4, with where it stands.

    ``spread`` is its ±: over the test images in segmentation and enhancement, of a bootstrap in
    classification. Its copy at hand lacks the rows of USFM on Breast and Abdomen in Table 3; what
    Table 5 repeats of them is given.

    Example:
        >>> paper_cell('Breast', 'seg', 'USFM', 100, 'DSC')
        '84.3 ± 17.8'
    """
    with _FILE.open(newline='', encoding='utf-8') as file:
        return tuple(csv.DictReader(file))


def paper_points(organ: str, task: str, measure: str) -> dict[str, dict[int, float]]:
    """The paper's means by method, then by share of the labels in %; none of an empty organ.

    Example:
        >>> paper_points('Breast', 'seg', 'DSC')['USFM'][100]
        84.3
    """
    found: dict[str, dict[int, float]] = {}
    for row in paper_numbers():
        if organ and (row['organ'], row['task'], row['measure']) == (organ, task, measure):
            found.setdefault(row['method'], {})[int(row['percent'])] = float(row['mean'])
    return found


def paper_cell(organ: str, task: str, method: str, percent: int, measure: str) -> str:
    """The paper's number as it prints it; empty where it prints none."""
    asked: dict[str, Any] = dict(organ=organ, task=task, method=method, measure=measure)
    for row in paper_numbers():
        if row['percent'] == str(percent) and all(row[key] == asked[key] for key in asked):
            return f'{row["mean"]} ± {row["spread"]}' if row['spread'] else row['mean']
    return ''
