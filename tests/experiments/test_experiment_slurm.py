"""Runs as jobs of a stand-in for Slurm, and of submitit's own on this machine."""

import os
import re
import shlex
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import yaml

from support.experiment_runner import STUB
from usfm_mm.commands.experiment import main
from usfm_mm.experiments import execution, preflight, slurm
from usfm_mm.experiments.collecting import read_parquet
from usfm_mm.experiments.plan import plan
from usfm_mm.experiments.reading import read_experiment
from usfm_mm.experiments.states import read_state

submitit = pytest.importorskip('submitit')
SUPPORT = Path(__file__).parents[1] / 'support'
SEG = 'baselines/seg_upernet_scratch'


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A pre-training and two methods."""
    (tmp_path / 'data').mkdir()
    (tmp_path / 'data' / 'seg_100.txt').touch()
    content = dict(
        title='Both',
        pretraining={'A': 'usfm/pretrain_cpu'},
        data={'busi': dict(task='seg', root=str(tmp_path / 'data'))},
        methods={'A': dict(seg=SEG, pretrained='A'), 'b': dict(seg=f'{SEG} --amp')},
    )
    path = tmp_path / 'both.yaml'
    path.write_text(yaml.safe_dump(content))
    monkeypatch.setattr(execution, 'USFM', STUB)
    monkeypatch.setattr(execution, 'share_list', lambda _, percent: f'seg_{percent}.txt')
    monkeypatch.setattr(preflight, 'check_runs', lambda *_: [])
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join(sys.path))
    return path


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """Commands named as Slurm's."""
    folder = tmp_path / 'queue'
    folder.mkdir()
    monkeypatch.setenv('PATH', f'{SUPPORT / "slurm"}{os.pathsep}{os.environ["PATH"]}')
    monkeypatch.setenv('STUB_SLURM', str(folder))
    monkeypatch.setenv('STUB_PYTHON', sys.executable)
    monkeypatch.setenv('STUB_JOB', str(SUPPORT / 'stub_job.py'))
    return folder


@pytest.fixture
def here(monkeypatch):
    """Another executor of submitit's, without a cluster, in the place of Slurm's."""
    monkeypatch.setattr(submitit.Job, '_results_timeout_s', 1)  # of a killed job

    def executor(folder, words):
        python = shlex.join([sys.executable, str(SUPPORT / 'stub_job.py')])
        made = submitit.LocalExecutor(folder, python=python)
        made.update_parameters(timeout_min=10)
        return made

    monkeypatch.setattr(slurm, 'slurm_executor', executor)


def values(work_dir):
    rows = read_parquet(work_dir / 'both' / 'results.parquet')
    return [
        (row['stage'], row['method'], row['percent'], row['seed'], row['measure'], row['value'])
        for row in rows
    ]


def wait_for(what):
    for _ in range(3000):
        found = what()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError('waited for 30 s')


def process_of(run):
    """The training that holds, once it does."""

    def holding():
        steps = run.folder / 'steps.txt'
        if not steps.is_file() or len(steps.read_text().split()) < 2:
            return None
        for process in psutil.process_iter(['cmdline']):
            words = process.info['cmdline'] or []
            if str(STUB[1]) in words and str(run.folder) in words:
                return process
        return None

    return wait_for(holding)


def test_jobs_of_slurm_give_the_table_of_runs_here(file, tmp_path, queue):
    main([str(file), '--work-dir', str(tmp_path / 'plain'), '--jobs', '2'])
    options = ['--slurm', 'partition=gpu', 'time=8:00:00', 'cpus-per-task=4', 'exclusive']
    main([str(file), '--work-dir', str(tmp_path / 'jobs'), *options])
    assert {row[:2] for row in values(tmp_path / 'plain')} == {
        ('pretrain', 'A'),
        ('adapt', 'A'),
        ('adapt', 'b'),
    }
    assert values(tmp_path / 'jobs') == values(tmp_path / 'plain')
    scripts = sorted((tmp_path / 'jobs' / 'slurm').glob('1*_submission.sh'))
    assert len(scripts) == 3
    for script in scripts:
        text = script.read_text()
        for line in ('partition=gpu', 'time=8:00:00', 'exclusive', 'signal=USR2@120'):
            assert f'#SBATCH --{line}\n' in text
        assert re.search(r'^srun .*--cpus-per-task=4 ', text, re.MULTILINE)
    main([str(file), '--work-dir', str(tmp_path / 'jobs'), *options])
    assert len(list(queue.iterdir())) == 3  # nothing is run twice
    log = tmp_path / 'jobs/runs/busi/A/100_percent_seed_0/log.txt'
    assert f'--weights {tmp_path}/jobs/runs/pretrain/A/seed_0/iter_5.pth' in log.read_text()


def test_what_sbatch_refuses_is_told_run_by_run(file, tmp_path, queue):
    with pytest.raises(ChildProcessError, match=r'3 of 3 runs .*invalid partition specified: now'):
        main(
            [str(file), '--work-dir', str(tmp_path / 'w'), '--slurm', 'partition=nowhere', 'time=1']
        )
    assert read_state(plan(read_experiment(file), tmp_path / 'w')[0])['state'] == 'failed'
    main([str(file), '--work-dir', str(tmp_path / 'w'), '--slurm', 'time=1'])


def test_submitits_jobs_without_a_cluster_give_the_table_of_runs_here(file, tmp_path, here):
    main([str(file), '--work-dir', str(tmp_path / 'plain')])
    main([str(file), '--work-dir', str(tmp_path / 'jobs'), '--slurm', 'time=1'])
    assert values(tmp_path / 'jobs') == values(tmp_path / 'plain')


def test_a_killed_job_is_continued(file, tmp_path, here, monkeypatch):
    main([str(file), '--work-dir', str(tmp_path / 'plain')])
    hold = tmp_path / 'hold'
    hold.touch()
    monkeypatch.setenv('STUB_HOLD', str(hold))
    run = plan(read_experiment(file), tmp_path / 'w')[0]
    do, states = slurm.slurm_jobs(slurm.slurm_executor(tmp_path / 'w' / 'slurm', [])), []
    worker = threading.Thread(
        target=lambda: states.append(do(run, threading.Event(), None)), daemon=True
    )
    worker.start()
    training = process_of(run)
    job = training.parent()
    job.kill()
    worker.join()
    assert states == ['cut']
    told = read_state(run)
    assert told['state'] == 'cut'
    assert re.match(r'job \d+ ended without an answer: see .*\.err$', told['error'])
    hold.unlink()  # the training outlived its job: the next one waits for it
    main([str(file), '--work-dir', str(tmp_path / 'w'), '--slurm', 'time=1'])
    assert values(tmp_path / 'w') == values(tmp_path / 'plain')


def test_a_job_whose_time_is_up_saves_and_another_one_goes_on(file, tmp_path, here, monkeypatch):
    main([str(file), '--work-dir', str(tmp_path / 'plain')])
    hold = tmp_path / 'hold'
    hold.touch()
    monkeypatch.setenv('STUB_HOLD', str(hold))
    run = plan(read_experiment(file), tmp_path / 'w')[0]
    arguments = [str(file), '--work-dir', str(tmp_path / 'w'), '--slurm', 'time=1']
    with ThreadPoolExecutor(1) as pool:
        saved = pool.submit(warn_and_release, run, hold)
        main(arguments)
    assert saved.result() == 'iter_2.pth'
    assert values(tmp_path / 'w') == values(tmp_path / 'plain')
    log = (run.folder / 'log.txt').read_text()
    assert log.count(' train ') == 2  # two jobs, the second from the first one's checkpoint
    assert len(list((tmp_path / 'w' / 'slurm').glob('*_submitted.pkl'))) == 4


def warn_and_release(run, hold):
    """SIGUSR2 to all processes of a job, as from Slurm."""
    try:
        training = process_of(run)
        for process in (training, training.parent()):
            process.send_signal(signal.SIGUSR2)
        wait_for(lambda: not training.is_running() or training.status() == psutil.STATUS_ZOMBIE)
        return (run.folder / 'last_checkpoint').read_text()
    finally:
        hold.unlink()  # or the training would wait for ever


def test_a_time_limit_too_short_for_any_step_ends_as_cut(file, tmp_path, monkeypatch):
    run = plan(read_experiment(file), tmp_path / 'w')[0]
    submitted = []

    class Job:
        def done(self):
            return True

        def result(self):
            return slurm.OUT_OF_TIME

    class Executor:
        def submit(self, function, run):
            submitted.append(run)
            run.folder.mkdir(parents=True, exist_ok=True)
            (run.folder / 'last_checkpoint').write_text(f'iter_{min(len(submitted), 3)}.pth')
            return Job()

    assert slurm.slurm_jobs(Executor())(run, threading.Event(), None) == 'cut'
    assert len(submitted) == 4  # the last one got no further than the one before


def test_stopping_cancels_the_job_which_saves(file, tmp_path, queue, monkeypatch):
    hold = tmp_path / 'hold'
    hold.touch()
    monkeypatch.setenv('STUB_HOLD', str(hold))
    run = plan(read_experiment(file), tmp_path / 'w')[0]
    do = slurm.slurm_jobs(slurm.slurm_executor(tmp_path / 'w' / 'slurm', ['time=1']))
    stop, states = threading.Event(), []
    worker = threading.Thread(target=lambda: states.append(do(run, stop, None)), daemon=True)
    worker.start()
    process_of(run)
    stop.set()
    worker.join()
    assert states == ['cut']
    assert read_state(run)['state'] == 'cut'
    assert (run.folder / 'last_checkpoint').read_text() == 'iter_2.pth'


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['partition=gpu'], 'needs the time limit of a job'),
        (['time=1', 'array=0-3'], 'array=0-3: a run is one task of one job'),
        (['time=1', '--ntasks-per-node=2'], 'a run is one task of one job'),
        (['time='], 'time=: give KEY=VALUE'),
        (['=gpu'], '=gpu: give KEY=VALUE'),
    ],
)
def test_options_are_checked_before_anything_runs(words, message, tmp_path, queue):
    with pytest.raises(ValueError, match=message):
        slurm.slurm_executor(tmp_path / 'w', words)
    assert not (tmp_path / 'w').exists()


def test_without_slurm_an_error_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv('PATH', str(tmp_path))
    with pytest.raises(FileNotFoundError, match='no sbatch and srun here'):
        slurm.slurm_executor(tmp_path / 'w', ['time=1'])


def test_gpus_are_slurms_to_deal_out(file, capsys):
    with pytest.raises(SystemExit):
        main([str(file), '--slurm', 'time=1', '--gpus', '0'])
    assert 'not allowed with' in capsys.readouterr().err
