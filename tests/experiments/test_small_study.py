"""The small study from nothing, as make runs it, with a stand-in for the commands."""

import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from usfm_mm.experiments.plan import plan
from usfm_mm.experiments.reading import find_experiment, read_experiment

ROOT = Path(__file__).resolve().parents[2]
STUB = """#!/usr/bin/env bash
# Notes what it is asked for, and leaves what make looks at.
echo "$*" >> calls.txt
case $1 in
    prepare) mkdir -p "$4" && touch "$4/dataset.json" ;;
    degrade) mkdir -p "${@: -1}" && touch "${@: -1}/dataset.json" ;;
    index) touch "$2/index.parquet" ;;
    check-overlap) test ! -e alike ;;
esac
"""


@pytest.fixture
def made(tmp_path):
    """Call make in an empty folder; what it called, and its status."""
    if shutil.which('make') is None:
        pytest.skip('make is not installed')
    (tmp_path / 'configs').symlink_to(ROOT / 'configs')
    (tmp_path / 'setup.py').touch()
    command = tmp_path / 'venv' / 'bin' / 'usfm'
    command.parent.mkdir(parents=True)
    command.write_text(STUB)
    command.chmod(0o755)
    (tmp_path / 'venv' / '.ready').touch()

    def make(target):
        words = ['make', '-f', str(ROOT / 'Makefile'), 'VENV=venv', 'SOURCE=there', target]
        environment = {key: of for key, of in os.environ.items() if not key.startswith('MAKE')}
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)
        return (tmp_path / 'calls.txt').read_text().splitlines(), done.returncode

    return make


@pytest.mark.parametrize('name', ['small_study', 'small_study_quick'])
def test_images_are_compared_before_anything_is_trained(made, name):
    calls, status = made(name.replace('_', '-'))
    assert status == 0
    words = [call.split()[0] for call in calls]
    assert words[-1] == 'experiment'
    assert calls[-1] == f'experiment {name} --work-dir work_dirs/{name} --jobs 2'
    index = (
        'index data/small --prepared --majority breast=0.9 '
        '--leave-out configs/experiments/small_study_alike.csv'
    )
    check = 'check-overlap data/small --out data/small/overlap.csv'
    assert calls.index(index) < calls.index(check) < len(calls) - 1
    whole = name == 'small_study'
    assert Counter(words) == Counter(
        dict(prepare=5 + whole, index=1, degrade=int(whole), experiment=1) | {'check-overlap': 1}
    )
    again, _ = made(name.replace('_', '-'))  # nothing is made twice, all is looked at again
    assert again[len(calls) :] == [check, calls[-1]]


def test_an_image_in_two_splits_stops_it(made, tmp_path):
    (tmp_path / 'alike').touch()
    calls, status = made('small-study-quick')
    assert status != 0
    assert not any(call.startswith('experiment') for call in calls)


def option(run, name):
    return int(run.command[run.command.index(name) + 1])


def test_its_controls_share_the_runs_of_one_name(tmp_path):
    study, controls = (
        {run.folder: run for run in plan(read_experiment(find_experiment(name)), tmp_path)}
        for name in ('small_study', 'small_controls')
    )
    shared = {folder for folder in controls if folder in study}
    assert {study[folder].method for folder in shared} == {'USFM', 'scratch'}
    assert all(study[folder] == controls[folder] for folder in shared)
    pretraining = next(run for run in controls.values() if run.stage == 'pretrain')
    draws = option(pretraining, '--epochs') * 832
    for run in controls.values():  # as many images as pre-training and fine-tuning together
        if run.method == 'scratch-as-long':
            (epochs,) = (int(w.partition('=')[2]) for w in run.command if 'max_epochs=' in w)
            assert (epochs - option(run, '--epochs')) * 210 == pytest.approx(draws, abs=210)


def test_runs_of_one_folder_are_the_same_in_all_that_share_its_work_dir(tmp_path):
    found = {}
    for name in (
        *('small_study', 'small_controls', 'small_controls_few', 'small_unseen'),
        *('sweep_few', 'sweep_seg', 'sweep_cls', 'sweep_enhance'),
    ):
        for run in plan(read_experiment(find_experiment(name)), tmp_path):
            assert found.setdefault(run.folder, run).command == run.command, name


def test_all_methods_are_on_all_data_and_start_from_as_many_draws(tmp_path):
    experiment = read_experiment(find_experiment('small_study'))
    runs = plan(experiment, tmp_path)
    found = Counter((run.data, run.task) for run in runs if run.data)
    assert set(found.values()) == {5 * 3 * 2}  # methods, seeds, shares
    assert ('covid_blues', 'clips') in found
    assert {('picmus', 'enhance'), ('synthetic', 'enhance')} <= set(found)
    for run in runs:
        words = run.command
        if run.stage == 'pretrain':
            epochs, batch = (
                int(words[words.index(name) + 1]) for name in ('--epochs', '--batch-size')
            )
            assert 'train_dataloader.sampler.num_samples=832' in words
            # The last batch of an epoch is dropped where it is not full.
            assert epochs * (832 // batch) * batch >= 400_000
    roots = {Path(of.root) for of in experiment.data.values()}
    assert {root.parent.as_posix() for root in roots} == {
        'data/small',  # what is pre-trained on, its training images alone
        'data/small_pairs',
        'data/small_clips',
    }
