"""What the runs of an experiment left, in one table: ``results.parquet``."""

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from usfm_mm.experiments.plan import ADAPT, Run
from usfm_mm.experiments.states import DONE, has_test, is_done, is_tested, read_state
from usfm_mm.experiments.validations import validated
from usfm_mm.io.atomic import atomic_path

COLUMNS = (
    *('stage', 'data', 'task', 'method', 'percent', 'seed', 'state', 'measure', 'value'),
    *('folder', 'config', 'command', 'commit', 'device', 'versions', 'seconds', 'error'),
)
COST = {
    'parameters, M': 'parameters_m',
    'GFLOPs': 'gflops',
    'images/s': 'images_per_s',
    'memory, MB': 'memory_mb',
}
"""Measures of cost, and what :func:`usfm_mm.evaluation.cost.measure_cost` calls them."""
TOLD = ('config', 'command', 'commit', 'device', 'versions', 'seconds', 'error')


def collect(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """A row for each measure of each run.

    A run without results has one row without measure and value: none is left out. One whose tests
    with worse images have not all ended has the measures that are there, and is not done. Measures
    of a training that nothing tests: :func:`~usfm_mm.experiments.validations.validated`.

    Returns:
        Rows with ``COLUMNS``; ``value`` in the measure's own unit, ``seconds`` of all the run's
        processes that its runner saw end.
    """
    rows = []
    for run in runs:
        told = read_state(run)
        state = told['state'] if told['state'] != DONE or is_done(run) else 'open'
        row: dict[str, Any] = dict(stage=run.stage, data=run.data, task=run.task)
        row |= dict(method=run.method)
        row |= dict(percent=run.percent, seed=run.seed, state=state, folder=str(run.folder))
        row |= {name: told.get(name) for name in TOLD} | _places(told)
        measured: dict[str, Any] = _metrics(run) if state == DONE or is_tested(run) else {}
        for name, value in (measured or {'': None}).items():
            full = row | dict(measure=name, value=value)
            rows.append({column: full[column] for column in COLUMNS})
    return rows


def write_parquet(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write the rows, whole or not at all."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = dict(percent=pa.int64(), seed=pa.int64(), value=pa.float64(), seconds=pa.float64())
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in COLUMNS])
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        pq.write_table(pa.Table.from_pylist(list(rows), schema), temporary)


def read_parquet(path: Path) -> list[dict[str, Any]]:
    """Rows that :func:`write_parquet` wrote."""
    import pyarrow.parquet as pq

    return pq.read_table(path).to_pylist()


def values_of(rows: Iterable[dict[str, Any]], measure: str, **where: Any) -> dict[int, float]:
    """Values of a measure by seed, of the rows that have what ``where`` says.

    Example:
        >>> rows = [dict(method='a', measure='DSC', value=60.0, seed=0),
        ...         dict(method='a', measure='', value=None, seed=1)]
        >>> values_of(rows, 'DSC', method='a')
        {0: 60.0}
    """
    return {
        row['seed']: row['value']
        for row in rows
        if row['measure'] == measure and all(row[key] == value for key, value in where.items())
    }


def _places(told: dict[str, Any]) -> dict[str, str]:
    """Commits, devices and versions of all that a run's commands were run with, in order."""
    places = [*told.get('earlier', []), told]
    return {
        key: ', '.join(dict.fromkeys(place[key] for place in places if key in place))
        for key in ('commit', 'device', 'versions')
        if key in told
    }


def _cost(run: Run) -> dict[str, float]:
    """What the run's model costs; nothing of a run of before it was measured."""
    with suppress(FileNotFoundError):
        told = json.loads((run.results / 'cost.json').read_text(encoding='utf-8'))
        return {name: told[key] for name, key in COST.items()}
    return {}


def _corrupted(run: Run) -> dict[str, float]:
    """Measures of the tests with worse images that have ended, as ``'gain:3/DSC'``."""
    found: dict[str, float] = {}
    for corruption in run.corruptions:
        if not has_test(run.corrupted(corruption)):
            continue
        file = run.corrupted(corruption) / 'test' / 'summary.json'
        metrics = json.loads(file.read_text(encoding='utf-8'))['metrics']
        found |= {f'{corruption}/{name}': value for name, value in metrics.items()}
    return found


def _metrics(run: Run) -> dict[str, float]:
    if run.stage == ADAPT:
        from usfm_mm.experiments.outcomes import calibration_error

        metrics = json.loads(run.summary.read_text(encoding='utf-8'))['metrics']
        error = calibration_error(run.results)
        metrics = metrics | _corrupted(run)
        return metrics | ({} if error is None else dict(ECE=error)) | _cost(run)
    return validated(run)
