"""What a training measured on validation images, by its own log."""

import math
import re
from contextlib import suppress
from pathlib import Path

from usfm_mm.experiments.plan import Run
from usfm_mm.io.run_log import read_log

_WHEN = re.compile(r'_(epoch|iter)_\d+$')


def validated(run: Run) -> dict[str, float]:
    """Measures of the validation that counts.

    Of a training on labels it is that of the best checkpoint, whose name tells the measure that it
    was chosen by; of a pre-training, which is used as it ends, the last one.

    Args:
        run: That has ended.

    Returns:
        Measures by name; of a pre-training also ``loss``, of its last logged step. Empty where the
        log has no step, or no validation of the best checkpoint.
    """
    with suppress(FileNotFoundError):  # too short to log a step
        steps, validations = read_log(run.folder)
        if not run.data:
            return dict(validations[-1][1] if validations else {}, loss=steps[-1]['loss'])
        name = _chosen_by(run.folder)
        told = []
        for _, measures in validations:
            value = {key.replace('/', '_'): it for key, it in measures.items()}.get(name, math.nan)
            if not math.isnan(value):
                told.append((value, measures))
        if told:
            return max(told, key=lambda each: each[0])[1]  # the first of equal ones
    return {}


def _chosen_by(folder: Path) -> str:
    # A run that was killed early and begun anew may have left an older one.
    best = sorted(folder.glob('best_*.pth'), key=lambda path: path.stat().st_mtime)
    return _WHEN.sub('', best[-1].stem.removeprefix('best_')) if best else ''
