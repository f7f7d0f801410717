"""How long an experiment may take, by the runs that ended."""

import pytest
from rich.console import Console

from usfm_mm.experiments import telling
from usfm_mm.experiments.estimate import seconds_known, time_left
from usfm_mm.experiments.plan import Data, Experiment, Method, plan
from usfm_mm.experiments.states import planned, write_state


@pytest.fixture
def runs(tmp_path):
    """Two pre-trainings of an hour each, and four trainings on labels of each of two seeds."""
    experiment = Experiment(
        name='both',
        title='Both',
        seeds=(0, 1),
        percent=(100, 50),
        data={'busi': Data(task='seg', root='data')},
        methods={
            'A': Method({'seg': ('baselines/seg_upernet_scratch',)}, pretrained='A'),
            'b': Method({'seg': ('baselines/seg_upernet_scratch',)}),
        },
        pretraining={'A': ('usfm/pretrain_cpu',)},
    )
    return plan(experiment, tmp_path / 'w')


def end(run, seconds):
    write_state(run, dict(command=planned(run), state='done', seconds=seconds))
    if run.data:
        run.summary.parent.mkdir(parents=True)
        run.summary.touch()
    else:
        (run.folder / 'last_checkpoint').touch()


def by(runs, seed, data):
    return [run for run in runs if run.seed == seed and bool(run.data) == data]


def test_only_runs_that_are_alike_tell_how_long_one_takes(runs):
    (first,), (second,) = by(runs, 0, False), by(runs, 1, False)
    adapt = by(runs, 0, True) + by(runs, 1, True)
    assert time_left(runs, seconds_known(runs), 2) == '10 run(s) that none was like yet'
    end(first, 3600)
    known = seconds_known(runs)
    # The two that run at once would be half an hour each; one cannot be cut in two.
    assert time_left([second], known, 2) == 'about 1.0 h'
    assert time_left([second], known, 2, {second.folder: 1800}) == 'about 30 min'
    told = time_left([second, *adapt], known, 2)
    assert told == 'about 1.0 h and 8 run(s) that none was like yet'
    whole = next(run for run in adapt if (run.method, run.percent, run.seed) == ('b', 100, 0))
    end(whole, 600)
    left = [run for run in adapt if run is not whole]
    # 600 s for each of three with all labels, 300 s for each of four with half of them.
    assert time_left(left, seconds_known(runs), 3) == 'about 17 min'
    assert time_left([], seconds_known(runs), 3) == 'about 0 s'


def test_epochs_that_are_named_count_in_proportion(tmp_path):
    long = '--cfg-options train_cfg.max_epochs=1971'
    methods = dict(
        short='--epochs 30',
        long=f'--epochs 30 {long}',
        config='',  # as many as its config has
        equals='--epochs=60',
        mistaken='--epochs many',  # told before anything runs; the plan is shown all the same
    )
    experiment = Experiment(
        name='lengths',
        title='Lengths',
        seeds=(0,),
        percent=(100, 20),
        data={'busi': Data(task='cls', root='data')},
        methods={
            name: Method({'cls': ('baselines/cls_vit_scratch', *words.split())})
            for name, words in methods.items()
        },
    )
    runs = {(run.method, run.percent): run for run in plan(experiment, tmp_path)}
    end(runs['short', 100], 60)
    known = seconds_known(list(runs.values()))
    assert time_left([runs['long', 100]], known, 1) == 'about 1.1 h'  # 60 s * 1971 / 30
    assert time_left([runs['long', 20]], known, 1) == 'about 14 min'
    assert time_left([runs['config', 100]], known, 1) == '1 run(s) that none was like yet'
    assert time_left([runs['equals', 100]], known, 1) == 'about 2 min'
    assert time_left([runs['mistaken', 100]], known, 1) == '1 run(s) that none was like yet'


def test_the_line_of_a_run_that_ended_counts_those_of_other_seeds(runs, monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(telling.time, 'monotonic', lambda: now[0])
    (pretraining,) = by(runs, 0, False)
    for run in by(runs, 1, True):
        end(run, 120 * run.percent / 100)
    mine = [pretraining, *by(runs, 0, True)]
    progress = telling.Progress(mine, 1, Console(width=300), runs)
    progress(pretraining, 'begins')
    end(pretraining, 3600)
    progress(pretraining, 'done')
    first = by(runs, 0, True)[0]
    progress(first, 'begins')
    now[0] = 60.0
    write_state(first, dict(command=planned(first), state='failed', error='a disk was full'))
    progress(first, 'failed')
    lines = capsys.readouterr().out.splitlines()
    rest = 6 * 60 - 120 * first.percent // 100
    assert lines[1].startswith('[1/5] done ')
    assert lines[1].endswith('; left: about 6 min')
    assert lines[3].startswith('[2/5] failed ')
    assert lines[3].endswith(f'; left: about {rest // 60} min')
    assert lines[4] == '        a disk was full'
