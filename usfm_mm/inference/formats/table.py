"""Answers as rows of a table."""

import csv
from pathlib import Path
from typing import Any

from usfm_mm.inference.answers import (
    Classification,
    Enhancement,
    Measurement,
    Reconstruction,
    Segmentation,
)
from usfm_mm.inference.frames import Frame

Answer = Segmentation | Classification | Measurement | Enhancement | Reconstruction

_PROBLEM = 'problem'


def row_of(answer: Answer) -> dict[str, Any]:
    """File, frame, time in s, then what a number can say of the answer.

    Of a segmentation the area of each class in pixels and, where it is known, in mm²; of a
    classification the label, or the findings, and the score of each; of a measurement the numbers;
    of an ensemble the means of entropy and variance.
    """
    row = _start(answer.frame)
    if isinstance(answer, Segmentation):
        mm2 = answer.areas_mm2 or {}
        for name, pixels in answer.areas_px.items():
            row[f'{name}_px'] = pixels
            row[f'{name}_mm2'] = round(mm2[name], 4) if mm2 else ''
    elif isinstance(answer, Classification):
        row |= _looked_at(answer)
        if answer.findings is None:
            row['label'] = answer.label or ''
        else:
            row['findings'] = '; '.join(answer.findings)
        row |= {f'score_{name}': round(score, 6) for name, score in answer.scores.items()}
    elif isinstance(answer, Measurement):
        row |= _looked_at(answer) | {name: round(v, 6) for name, v in answer.values.items()}
        row |= {f'{name}_spread': round(v, 6) for name, v in (answer.spread or {}).items()}
    elif isinstance(answer, Reconstruction):
        row['mean_error'] = round(float(answer.error.mean()), 4)
    uncertainty = getattr(answer, 'uncertainty', None)
    if uncertainty is not None:
        row['entropy'] = round(uncertainty.mean_entropy, 6)
        row['variance'] = round(uncertainty.mean_variance, 8)
    return row


def _looked_at(answer: Classification | Measurement) -> dict[str, int]:
    return {} if answer.frames is None else dict(frames=answer.frames)


def _start(frame: Frame) -> dict[str, Any]:
    time = '' if frame.time is None else round(frame.time, 4)
    return dict(file=frame.source, frame=frame.number, time_s=time, **{_PROBLEM: ''})


def problem_row(source: str, number: int, reason: str, like: dict[str, Any]) -> dict[str, Any]:
    """Row of a frame that cannot be read, with the columns of another one."""
    empty = dict.fromkeys(like, '')
    return {**empty, 'file': source, 'frame': number, _PROBLEM: reason}


def read_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a table that was written."""
    with path.open(encoding='utf-8', newline='') as file:
        return list(csv.DictReader(file))


def problems_in(rows: list[dict[str, str]]) -> list[str]:
    """What could not be read, one line each."""
    return [
        f'{row["file"]}, frame {row["frame"]}: {row[_PROBLEM]}' for row in rows if row[_PROBLEM]
    ]
