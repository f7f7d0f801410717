"""What is run, what is kept, and what becomes of runs that fail or are killed."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from support.experiment_runner import STUB
from usfm_mm.commands.experiment import main
from usfm_mm.experiments import execution, machine, preflight
from usfm_mm.experiments.calling import error_since
from usfm_mm.experiments.collecting import collect, read_parquet
from usfm_mm.experiments.execution import execute
from usfm_mm.experiments.plan import plan
from usfm_mm.experiments.reading import read_experiment
from usfm_mm.experiments.states import check_unchanged, read_state

RUNNER = Path(__file__).parents[1] / 'support' / 'experiment_runner.py'
SEG = 'baselines/seg_upernet_scratch'


@pytest.fixture
def file(tmp_path):
    """Two methods, one of them pre-trained, two shares, three seeds."""
    (tmp_path / 'data' / 'splits').mkdir(parents=True)
    for name in ('seg_train', 'seg_train_20'):
        (tmp_path / 'data' / 'splits' / f'{name}.txt').touch()
    (tmp_path / 'images').mkdir()
    (tmp_path / 'images' / 'index.csv').touch()
    return write(tmp_path, {'A': dict(seg=SEG, pretrained='A'), 'b': dict(seg=f'{SEG} --amp')})


def write(tmp_path, methods):
    content = dict(
        title='Both',
        seeds=[0, 1, 2],
        percent=[20, 100],
        pretraining={'A': f'usfm/pretrain_cpu --data-root {tmp_path / "images"}'},
        data={'busi': dict(task='seg', root=str(tmp_path / 'data'))},
        methods=methods,
    )
    path = tmp_path / 'both.yaml'
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.fixture
def stubs(monkeypatch):
    monkeypatch.setattr(execution, 'USFM', STUB)


def values(work_dir):
    rows = read_parquet(work_dir / 'both' / 'results.parquet')
    return [
        (row['stage'], row['method'], row['percent'], row['seed'], row['value']) for row in rows
    ]


def test_commands_have_the_share_the_weights_and_what_they_know(file, tmp_path):
    runs = plan(read_experiment(file), tmp_path / 'w')
    pretraining, first, plain = runs[:3]
    pretraining.folder.mkdir(parents=True)
    (pretraining.folder / 'iter_5.pth').touch()
    (pretraining.folder / 'last_checkpoint').write_text('/elsewhere/iter_5.pth')
    first.folder.mkdir(parents=True)
    (first.folder / 'best_DSC.pth').touch()
    train, test = execution.training(first), execution.testing(first, '')
    assert train[1:6] == ['-m', 'usfm_mm', 'train', SEG, '--resume']
    assert test[1:6] == ['-m', 'usfm_mm', 'test', SEG, str(first.folder / 'best_DSC.pth')]
    for command in (train, test):
        text = ' '.join(command)
        assert f'--weights {pretraining.folder}/iter_5.pth' in text
        assert 'train_dataloader.dataset.ann_file=splits/seg_train_20.txt' in text
        assert f'--work-dir {first.folder}' in text
    assert '--amp' in execution.training(plain)
    plain.folder.mkdir(parents=True)
    (plain.folder / 'best_DSC.pth').touch()
    assert '--amp' not in execution.testing(plain, '')


def test_what_no_command_understands_is_told_before_anything_runs(file, tmp_path, stubs):
    content = yaml.safe_load(file.read_text())
    work_dir = str(tmp_path / 'w')
    for options, message in [
        ('--imagesize 64', r'A, busi, 20 %, seed \d: unrecognized arguments: --imagesize 64$'),
        ('--image-size', 'argument --image-size: expected one argument$'),
        ('--cfg-options model.decod_head.x=1', r'A, busi, .*model\.decod_head'),
        ('--image-size 100', 'A, busi, .*100'),
    ]:
        file.write_text(yaml.safe_dump(content | dict(options=dict(seg=options))))
        with pytest.raises(ValueError, match=message):
            main([str(file), '--work-dir', work_dir])
    assert not (tmp_path / 'w' / 'runs').exists()
    # A ViT of a file that a pre-training has yet to write.
    methods = {'A': dict(seg=f'{SEG} --encoder vit', pretrained='A')}
    preflight.check_commands(plan(read_experiment(write(tmp_path, methods)), tmp_path / 'w'))


def test_images_to_pre_train_on_and_weights_of_a_config_are_looked_for(file, tmp_path, capsys):
    content = yaml.safe_load(file.read_text())
    gone = tmp_path / 'gone'
    content['pretraining']['A'] = f'usfm/pretrain_cpu --data-root {gone}'
    content['methods']['b'] = dict(seg='baselines/seg_upernet_simmim')
    file.write_text(yaml.safe_dump(content))
    main([str(file), '--work-dir', str(tmp_path / 'w'), '--dry-run'])
    shown = capsys.readouterr().out
    assert f'missing  {gone}: no such folder; "usfm index" makes data ready' in shown
    assert '800ep.pth: no such weights of b' in shown
    gone.mkdir()
    main([str(file), '--work-dir', str(tmp_path / 'w'), '--dry-run'])
    assert f'missing  {gone}: no index; "usfm index {gone}" writes one' in capsys.readouterr().out
    elsewhere = f'--cfg-options train_dataloader.dataset.index={tmp_path / "own.csv"}'
    content['pretraining']['A'] += f' {elsewhere}'  # beside images on a read-only disk
    file.write_text(yaml.safe_dump(content))
    main([str(file), '--work-dir', str(tmp_path / 'w'), '--dry-run'])
    assert str(gone) not in capsys.readouterr().out.replace(elsewhere, '')


def test_neighbours_train_nothing_and_stand_beside_the_others(tmp_path, stubs, monkeypatch):
    (tmp_path / 'data' / 'splits').mkdir(parents=True)
    (tmp_path / 'data' / 'splits' / 'cls_train.txt').touch()
    (tmp_path / 'mae.pth').touch()
    root, config = str(tmp_path / 'data'), 'usfm/cls_custom_probe'
    content = dict(
        title='Kinds',
        data={task: dict(task=task, root=root) for task in ('cls', 'probe', 'knn')},
        methods={
            'MAE': dict(cls=config, probe=config, knn=config)
            | dict(encoder='vit:12', weights=str(tmp_path / 'mae.pth')),
        },
    )
    path = tmp_path / 'kinds.yaml'
    path.write_text(yaml.safe_dump(content))
    runs = plan(read_experiment(path), tmp_path / 'w')
    own = ('--encoder', 'vit:12', '--weights', str(tmp_path / 'mae.pth'))
    assert all(run.command[1:5] == own for run in runs)
    (knn,) = (run for run in runs if run.task == 'knn')
    command = execution.neighbours(knn)
    assert command[2:4] == ['knn', config]
    assert '--resume' not in command
    monkeypatch.setattr(preflight, 'check_commands', lambda _: None)  # which would read the weights
    main([str(path), '--work-dir', str(tmp_path / 'w')])
    assert (knn.folder / 'knn' / 'summary.json').is_file()
    assert not (knn.folder / 'steps.txt').exists()
    text = (tmp_path / 'w' / 'kinds' / 'results.md').read_text()
    for heading in ('classification', 'linear probe', 'k-NN'):
        assert f'## Results, {heading}\n' in text
    (tmp_path / 'mae.pth').unlink()
    with pytest.raises(FileNotFoundError, match=r'mae\.pth: no such weights of MAE'):
        main([str(path), '--work-dir', str(tmp_path / 'v')])


def test_worse_images_are_tested_later_too_without_training_again(file, tmp_path, stubs):
    work_dir = str(tmp_path / 'w')
    main([str(file), '--work-dir', work_dir])
    content = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump(content | dict(robustness=[1, 4])))
    runs = [run for run in plan(read_experiment(file), tmp_path / 'w') if run.stage == 'adapt']
    assert runs[0].corruptions[:3] == ('speckle:1', 'speckle:4', 'gain:1')
    before = {run.folder: (run.folder / 'log.txt').read_text() for run in runs}
    main([str(file), '--work-dir', work_dir])
    for run in runs:
        new = (run.folder / 'log.txt').read_text().removeprefix(before[run.folder]).splitlines()
        assert len(new) == 8
        assert all(' test ' in line and ' --corrupt ' in line for line in new)
        assert not any('--cost' in line for line in new)
    (runs[0].folder / 'corrupted/gain_4/test/summary.json').unlink()
    main([str(file), '--work-dir', work_dir])
    last = (runs[0].folder / 'log.txt').read_text().splitlines()
    assert len(last) == len(before[runs[0].folder].splitlines()) + 9
    assert ' --corrupt gain:4 ' in last[-1]
    text = (tmp_path / 'w' / 'both' / 'results.md').read_text()
    assert text.count('| 50.0 % |') == 2 * 2 * 4  # the stub's: methods, shares, kinds


def test_a_test_keeps_its_measures_while_those_on_worse_images_are_left(file, tmp_path, stubs):
    work_dir = str(tmp_path / 'w')
    main([str(file), '--work-dir', work_dir])
    results = tmp_path / 'w' / 'both' / 'results.md'
    before = results.read_text().split('## Intervals')[0].split('## Runs')[0]
    content = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump(content | dict(robustness=[1])))
    with pytest.raises(ChildProcessError, match='12 of 15 runs .*: tests with worse images are le'):
        main([str(file), '--work-dir', work_dir, '--table'])
    after = results.read_text().split('## Not done')[0]
    assert before.strip() == after.strip()
    runs = plan(read_experiment(file), tmp_path / 'w')
    (run,) = (run for run in runs if (run.method, run.percent, run.seed) == ('b', 20, 1))
    blocked = run.corrupted('gain:1') / 'test'
    blocked.parent.mkdir(parents=True)
    blocked.touch()  # a file where the test needs a folder
    with pytest.raises(ChildProcessError, match='1 of 15 runs are not done'):
        main([str(file), '--work-dir', work_dir])
    text = results.read_text()
    assert before.split('## ')[1].strip() in text
    assert '| b, busi, 20 %, seed 1 | failed | ' in text
    log = (run.folder / 'log.txt').read_text()
    blocked.unlink()
    main([str(file), '--work-dir', work_dir])
    new = (run.folder / 'log.txt').read_text().removeprefix(log).splitlines()
    assert new  # it goes on where it failed: nothing is trained or tested again
    assert all(' --corrupt ' in line for line in new)
    assert not any(' --corrupt speckle:1 ' in line for line in new)


def test_tests_on_worse_images_are_those_of_the_model_beside_them(file, tmp_path, stubs):
    content = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump(content | dict(robustness=[1])))
    main([str(file), '--work-dir', str(tmp_path / 'w')])
    run = next(run for run in plan(read_experiment(file), tmp_path / 'w') if run.method == 'b')
    old = run.corrupted('gain:1') / 'test' / 'summary.json'
    told = old.read_text()
    old.write_text('{"metrics": {"DSC": 1.0}}')
    run.summary.unlink()  # trained and tested anew
    main([str(file), '--work-dir', str(tmp_path / 'w')])
    assert old.read_text() == told


def test_where_a_run_was_begun_is_told_beside_where_it_ended(file, tmp_path, stubs, monkeypatch):
    places = iter(['a laptop', 'a GPU', 'a GPU', 'a laptop'])
    monkeypatch.setattr(machine, 'device', lambda: next(places))
    run = next(run for run in plan(read_experiment(file), tmp_path / 'w') if run.method == 'b')
    for _ in range(4):
        assert execute(run, threading.Event()) == 'done'
        run.summary.unlink()
    (row,) = collect([run])
    assert row['device'] == 'a laptop, a GPU'
    assert row['commit'] == read_state(run)['commit']


def test_a_half_written_state_is_not_somebody_elses_run(file, tmp_path):
    run = plan(read_experiment(file), tmp_path / 'w')[0]
    run.folder.mkdir(parents=True)
    (run.folder / '.run.json.1f2e.tmp').touch()
    check_unchanged(run)


def test_an_error_is_told_with_its_lines_and_is_that_of_the_last_command(tmp_path):
    log = tmp_path / 'log.txt'
    log.write_text('error: of yesterday\n')
    size = log.stat().st_size
    for text, told in (
        ('', 'it said nothing'),
        ('Segmentation fault\n', 'Segmentation fault'),
        ('epoch 1\nerror: 2 files:\n  a.png is gone\n  b.png\n', '2 files: a.png is gone b.png'),
        ('usage: usfm train\nusfm train: error: --lr: not a number\n', '--lr: not a number'),
        ('error: ' + 'line\n' * 99, ' '.join(['line'] * 6)),
    ):  # fmt: skip
        log.write_text('error: of yesterday\n' + text)
        assert error_since(log, size) == told


def test_the_same_command_runs_nothing_twice(file, tmp_path, stubs, capsys):
    work_dir = tmp_path / 'w'
    main([str(file), '--work-dir', str(work_dir), '--jobs', '3'])
    assert '[15/15]' in capsys.readouterr().out
    logs = {path: path.read_text() for path in work_dir.rglob('log.txt')}
    assert len(logs) == 15
    before = values(work_dir)
    main([str(file), '--work-dir', str(work_dir)])
    assert values(work_dir) == before
    assert logs == {path: path.read_text() for path in work_dir.rglob('log.txt')}
    told = json.loads((work_dir / 'runs/busi/A/20_percent_seed_2/run.json').read_text())
    assert told['state'] == 'done'
    assert told['seed'] == 2
    assert 'torch' in told['versions']
    assert told['seconds'] > 0
    main([str(file), '--work-dir', str(work_dir), '--dry-run'])
    assert '15 done. Left: about 0 s' in capsys.readouterr().out


def test_a_dry_run_shows_what_is_missing_and_runs_nothing(file, tmp_path, stubs, capsys):
    (tmp_path / 'data' / 'splits' / 'seg_train_20.txt').unlink()
    main([str(file), '--work-dir', str(tmp_path / 'w'), '--dry-run'])
    out = capsys.readouterr().out
    assert out.count('open ') == 15
    assert 'seg_train_20.txt: no list of 20 %' in out
    assert not (tmp_path / 'w').exists()
    with pytest.raises(FileNotFoundError, match=r'seg_train_20\.txt: no list of 20 %'):
        main([str(file), '--work-dir', str(tmp_path / 'w')])
    assert not (tmp_path / 'w').exists()


def test_a_failure_is_listed_and_stands_in_the_cell(file, tmp_path, stubs):
    work_dir = tmp_path / 'w'
    runs = plan(read_experiment(file), work_dir)
    main([str(file), '--work-dir', str(work_dir)])
    (broken,) = (run for run in runs if (run.method, run.percent, run.seed) == ('b', 100, 1))
    broken.summary.unlink()  # done, it says, but its result is gone: it runs again
    (broken.folder / 'best_DSC.pth').unlink()
    (broken.folder / 'steps.txt').write_text('x x x x x')
    (broken.folder / 'last_checkpoint').unlink()
    broken.folder.joinpath('iter_5.pth').unlink()
    broken.folder.joinpath('best_DSC.pth').mkdir()  # cannot be written
    with pytest.raises(ChildProcessError, match=r'1 of 15 runs are not done .*b, busi, 100 %'):
        main([str(file), '--work-dir', str(work_dir)])
    text = (work_dir / 'both' / 'results.md').read_text()
    assert text.count('(2 of 3 seeds)') == 1
    assert '| b, busi, 100 %, seed 1 | failed | ' in text
    broken.folder.joinpath('best_DSC.pth').rmdir()
    main([str(file), '--work-dir', str(work_dir)])
    assert '2 of 3' not in (work_dir / 'both' / 'results.md').read_text()


def test_what_needs_a_pre_training_that_failed_waits(tmp_path, file, stubs, monkeypatch):
    monkeypatch.setenv('STUB_FAIL', 'pretrain')
    with pytest.raises(ChildProcessError, match='9 of 15 runs .*told to fail'):
        main([str(file), '--work-dir', str(tmp_path / 'w'), '--jobs', '2'])
    text = (tmp_path / 'w' / 'both' / 'results.md').read_text()
    assert text.count('| 0 of 3 seeds |') == 2
    assert text.split('## Runs')[0].count('| open |') == 6


def test_another_command_in_the_same_folder_is_refused(file, tmp_path, stubs):
    main([str(file), '--work-dir', str(tmp_path / 'w')])
    write(tmp_path, {'A': dict(seg=f'{SEG} --arch tiny', pretrained='A'), 'b': dict(seg=SEG)})
    with pytest.raises(ValueError, match='was made with other options'):
        main([str(file), '--work-dir', str(tmp_path / 'w')])
    run = plan(read_experiment(file), tmp_path / 'other')[0]
    check_unchanged(run)
    run.folder.mkdir(parents=True)
    (run.folder / 'iter_1.pth').touch()  # a training of somebody else
    with pytest.raises(ValueError, match='unknown ones'):
        check_unchanged(run)


def test_stopping_stops_the_training_and_says_so(file, tmp_path, monkeypatch):
    sleeper = 'import time, sys; print("up", flush=True); time.sleep(60)'
    monkeypatch.setattr(execution, 'USFM', (sys.executable, '-c', sleeper))
    run, stop = plan(read_experiment(file), tmp_path / 'w')[0], threading.Event()
    states = []
    worker = threading.Thread(target=lambda: states.append(execute(run, stop)))
    worker.start()
    log = run.folder / 'log.txt'
    while not (log.exists() and 'up\n' in log.read_text()):
        time.sleep(0.02)
    other = threading.Event()  # a second runner waits for the folder, until it is stopped too
    waiting = threading.Thread(target=lambda: states.append(execute(run, other)))
    waiting.start()
    other.set()
    waiting.join()
    assert states == ['cut']
    assert read_state(run)['state'] == 'running'
    stop.set()
    worker.join()
    assert states == ['cut', 'cut']
    assert read_state(run)['state'] == 'cut'


def test_killing_runner_and_children_at_random_changes_nothing(file, tmp_path):
    for percent in (20, 100):
        (tmp_path / 'data' / f'seg_{percent}.txt').touch()
    hold = tmp_path / 'hold'  # no training ends before it was aimed at, however slow this machine
    environment = {
        **os.environ,
        'PYTHONPATH': os.pathsep.join(sys.path),
        'STUB_HOLD': str(hold),
    }

    def start(name):
        command = [sys.executable, str(RUNNER), str(file), str(tmp_path / name), '2']
        return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)

    with start('calm') as runner:
        runner.communicate()
    assert runner.returncode == 0
    rng = random.Random(0)
    kills = 0
    for _ in range(20):
        if kills < 4:
            hold.touch()
        with start('wild') as runner:
            while not running(tmp_path / 'wild') and runner.poll() is None:
                time.sleep(0.01)
            time.sleep(rng.uniform(0, 0.1))
            victims = running(tmp_path / 'wild')
            if kills < 4 and runner.poll() is None and victims:
                pid = victims[0] if kills % 2 else runner.pid
                kills += 1
                with suppress(ProcessLookupError):
                    os.kill(pid, rng.choice([signal.SIGKILL, signal.SIGTERM]))
            hold.unlink(missing_ok=True)
            runner.communicate()
        if runner.returncode == 0:
            break
    assert runner.returncode == 0
    assert kills >= 2
    assert values(tmp_path / 'wild') == values(tmp_path / 'calm')


def running(work_dir):
    """Processes of runs below a folder."""
    found = []
    for place in Path('/proc').glob('[0-9]*/cmdline'):
        try:
            words = place.read_bytes().decode().split('\0')
        except OSError:
            continue
        if any(word.endswith('stub_usfm.py') for word in words) and any(
            word.startswith(str(work_dir)) for word in words
        ):
            found.append(int(place.parent.name))
    return found
