"""What a run has logged, all its parts joined."""

import json
import math
from pathlib import Path
from typing import Any

Validations = list[tuple[int, dict[str, float]]]


def read_log(work_dir: str | Path) -> tuple[list[dict[str, Any]], Validations]:
    """Logged training steps and validations of a run.

    A resumed run starts a new log at its checkpoint's step. What the former log has from there on
    was trained anew and is left out. A run that was resumed for its last validation alone logs no
    step. What is measured of the features when a training has ended is no validation.

    Args:
        work_dir: Folder of the run.

    Returns:
        A dict for each logged step, with ``step`` and ``loss``; and validations as pairs of the
        last step logged before, or 0, and what was measured. Both in the order of training.

    Raises:
        FileNotFoundError: If the folder holds no log of a training step.
        ValueError: If a log has a line that is no JSON, other than a half-written last one.
    """
    if not Path(work_dir).is_dir():
        raise FileNotFoundError(f'{work_dir}: no such folder; runs are in work_dirs/CONFIG')
    steps: list[dict[str, Any]] = []
    validations: Validations = []
    for path in sorted(Path(work_dir).glob('*/vis_data/scalars.json')):
        log = _rows(path)
        first = next((row['step'] for row in log if 'loss' in row), math.inf)
        steps = [row for row in steps if row['step'] < first]
        validations = [(step, values) for step, values in validations if step < first]
        for row in log:  # mmengine may count a validation's step in epochs
            if 'loss' in row:
                steps.append(row)
            else:
                validations.append((steps[-1]['step'] if steps else 0, _measured(row)))
    if not steps:
        raise FileNotFoundError(
            f'{work_dir} holds no run with a logged training step: train with --work-dir '
            f'{work_dir} first, for default_hooks.logger.interval steps at least'
        )
    return steps, validations


def _rows(path: Path) -> list[dict[str, Any]]:
    lines = path.read_text().splitlines()
    found = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except ValueError as error:
            if number == len(lines):  # it was killed, or the disk was full
                break
            raise ValueError(f'{path}:{number} is no JSON: delete that line') from error
        of_features = any(name.startswith('embedding/') for name in row)
        if row.get('step') != 0 and not of_features:  # 0 is that of a test
            found.append(_with_loss(row))
    return found


def _with_loss(row: dict[str, Any]) -> dict[str, Any]:
    """A row of training has a loss: of several networks' losses without a sum, their sum."""
    parts = [value for name, value in row.items() if name.startswith('loss')]
    return {'loss': sum(parts), **row} if parts else row


def _measured(row: dict[str, Any]) -> dict[str, float]:
    """What a validation measured, without the times and the step."""
    left_out = ('step', 'time', 'data_time')
    return {k: v for k, v in row.items() if k not in left_out and isinstance(v, (int, float))}
