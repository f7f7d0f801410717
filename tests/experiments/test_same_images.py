"""All methods of an experiment train on the same list of a share, whatever their configs are."""

from pathlib import Path

import pytest

from usfm_mm.config.files import config_root
from usfm_mm.experiments.execution import share_list
from usfm_mm.experiments.plan import plan
from usfm_mm.experiments.reading import read_experiment

EXPERIMENTS = sorted((config_root() / 'experiments').glob('*.yaml'))


@pytest.mark.parametrize('path', EXPERIMENTS, ids=[path.stem for path in EXPERIMENTS])
def test_one_list_for_a_data_set_and_share(path):
    lists: dict[tuple[str, int], set[str]] = {}
    runs = [run for run in plan(read_experiment(path), Path('w')) if run.stage == 'adapt']
    for run in runs:
        found = share_list(run.command[0], run.percent)
        lists.setdefault((run.data, run.percent), set()).add(found)
        suffix = '' if run.percent == 100 else f'_{run.percent}'
        task = {'probe': 'cls', 'knn': 'cls'}.get(run.task, run.task)
        # Clips stand in the table that they are labelled by.
        name = f'table_train{suffix}.csv' if task == 'clips' else f'{task}_train{suffix}.txt'
        assert found == f'splits/{name}'
    assert all(len(found) == 1 for found in lists.values())
    assert lists or read_experiment(path).sweep  # which tests nothing but a pre-training
