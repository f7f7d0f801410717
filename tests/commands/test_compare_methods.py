"""Comparing methods: what is run, what is kept, and the table."""

import io
import json
import subprocess
import sys
import time

import numpy as np
import pytest
from rich.console import Console

from usfm_mm.commands.compare_methods import (
    check_unchanged,
    commands,
    execute,
    main,
    parse_args,
    plan,
    report,
    tabulate,
)
from usfm_mm.io.image import encode_png

SEG = 'configs/baselines/seg_upernet_scratch.py'
CLS = 'configs/baselines/cls_vit_scratch.py'


def arguments(tmp_path, *more):
    return ['--data-root', str(tmp_path), '--work-dir', str(tmp_path / 'runs'), *more]


def finish(run, **metrics):
    run.summary.parent.mkdir(parents=True)
    run.summary.write_text(json.dumps(dict(metrics=metrics)))


def test_every_method_gets_the_same_data_and_its_own_options(tmp_path):
    (tmp_path / 'splits').mkdir()
    (tmp_path / 'splits' / 'cls_train_20.txt').touch()
    args = parse_args(
        arguments(
            tmp_path,
            *('--method', f'a: {CLS} --arch tiny', '--method', f'b: {CLS}'),
            *('--seeds', '3', '4', '--percent', '20', '100'),
        )
    )
    runs = plan(args)
    assert [(r.seed, r.percent, r.method) for r in runs] == [
        (seed, percent, method) for seed in (3, 4) for percent in (20, 100) for method in 'ab'
    ]
    train, test = commands(runs[0], args.data_root, ['--image-size', '112'])
    assert train[1:6] == ['-m', 'usfm_mm', 'train', CLS, '--resume']
    assert test[1:5] == ['-m', 'usfm_mm', 'test', CLS]
    for command in (train, test):
        for option in ('--arch tiny', '--image-size 112', f'--data-root {tmp_path}'):
            assert option in ' '.join(command)
        assert command[-2:] == [
            'randomness.seed=3',
            'train_dataloader.dataset.ann_file=splits/cls_train_20.txt',
        ]
    assert commands(runs[2], args.data_root, [])[0][-1] == 'randomness.seed=3'


def test_the_test_gets_what_it_knows_of_the_options(tmp_path):
    args = parse_args(
        arguments(tmp_path, '--method', f'a: {CLS} --amp', '--common=--auto-scale-lr')
    )
    (run,) = plan(args)
    train, test = commands(run, args.data_root, [args.common])
    assert {'--amp', '--auto-scale-lr', '--resume'} <= set(train)
    assert not {'--amp', '--auto-scale-lr', '--resume'} & set(test)


def test_other_options_in_the_same_folder_are_refused(tmp_path):
    (run,) = plan(parse_args(arguments(tmp_path, '--method', f'a: {SEG}')))
    check_unchanged(run, ['train', 'a'])  # nothing there yet
    finish(run, DSC=1.0)
    with pytest.raises(ValueError, match='was made with other options'):
        check_unchanged(run, ['train', 'a'])
    (run.folder / 'command.txt').write_text('train a')
    check_unchanged(run, ['train', 'a'])
    with pytest.raises(ValueError, match='was made with other options'):
        check_unchanged(run, ['train', 'b'])


def test_methods_with_other_measures_share_a_table(tmp_path):
    rows = [dict(method='a', DSC='1.0'), dict(method='b', ACC='2.0')]
    report(rows, tmp_path, Console())
    lines = (tmp_path / 'results.csv').read_text().splitlines()
    assert lines == ['method,DSC,ACC', 'a,1.0,', 'b,,2.0']


def test_no_number_of_the_table_is_cut_off_on_a_narrow_console(tmp_path):
    row = dict(method='USFM, frozen, with layer decay') | {
        f'measure {n}': f'{90 + n}.5 ± 10.{n}' for n in range(9)
    }
    output = io.StringIO()
    report([row], tmp_path, Console(file=output, width=80))
    for cell in (*row, *row.values()):
        assert cell in output.getvalue()


def test_the_time_that_is_left(tmp_path, monkeypatch, capsys):
    clock = iter([0.0, 60.0, 130.0])
    monkeypatch.setattr('usfm_mm.commands.compare_methods.time.monotonic', lambda: next(clock))
    monkeypatch.setattr('usfm_mm.commands.compare_methods.execute', lambda *_: None)
    (tmp_path / 'runs').mkdir()
    main(arguments(tmp_path, '--method', f'a: {SEG}', '--seeds', '0', '1', '2'))
    left = [line.partition(', about ')[2] for line in capsys.readouterr().out.splitlines()]
    assert left[:3] == ['', '2 min left', '2 min left']  # 120 s, then 65 s


def test_stopping_the_comparison_stops_the_training(tmp_path):
    child = 'import time, pathlib, sys; pathlib.Path(sys.argv[1]).touch(); time.sleep(60)'
    parent = (
        'import signal, sys\n'
        'from usfm_mm.commands.compare_methods import call\n'
        'signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n'
        'print(flush=True)\n'
        f'call([sys.executable, "-c", {child!r}, sys.argv[1]], sys.stderr)\n'
    )
    started = tmp_path / 'started'
    with subprocess.Popen([sys.executable, '-c', parent, str(started)]) as process:
        while not started.exists():
            assert process.poll() is None
            time.sleep(0.05)
        process.terminate()
        # The parent leaves only after its child has: within the child's minute.
        assert process.wait(30) == 143


def test_table_of_means_over_seeds(tmp_path):
    args = parse_args(
        arguments(tmp_path, '--method', f'a: {SEG}', '--method', f'b: {SEG}', '--seeds', '0', '1')
    )
    runs = plan(args)
    finish(runs[0], DSC=60.0, DSC_std=20.0, HD95=8.0, **{'DSC/vein': 1.0})
    finish(runs[1], DSC=50.0, DSC_std=20.0, HD95=9.0)
    finish(runs[2], DSC=64.0, DSC_std=20.0, HD95=8.5)
    first, second = tabulate(runs)
    assert first == {
        'method': 'a',
        'training set': '100 %',
        'seeds': '2',
        'DSC': f'62.0 ± {np.std([60, 64], ddof=1):.1f}',
        'HD95': '8.2 ± 0.4',
    }
    assert (second['seeds'], second['DSC']) == ('1', '50.0')


@pytest.mark.parametrize(
    ('method', 'message'),
    [
        ('no colon', "give 'NAME: CONFIG"),
        ('a:', "give 'NAME: CONFIG"),
        ('a: configs/nothing.py', 'configs/nothing.py: no such config'),
    ],
)
def test_bad_methods(tmp_path, method, message):
    with pytest.raises((ValueError, OSError), match=message):
        main(arguments(tmp_path, '--method', method))


def test_a_missing_share_is_told_before_anything_runs(tmp_path):
    with pytest.raises((ValueError, OSError), match=r'splits/seg_train_40.txt: no list of 40 %'):
        main(arguments(tmp_path, '--method', f'a: {SEG}', '--percent', '100', '40'))
    assert not (tmp_path / 'runs').exists()


def test_a_failed_run_names_its_log(tmp_path):
    (run,) = plan(parse_args(arguments(tmp_path, '--method', f'a: {SEG}')))
    with pytest.raises(ChildProcessError, match=r'failed: see .*log.txt'):
        execute(run, str(tmp_path / 'no'), [])
    assert 'no such folder' in (run.folder / 'log.txt').read_text()


def test_a_comparison_runs_and_is_not_repeated(tmp_path):
    pytest.importorskip('monai')
    rng = np.random.default_rng(0)
    for folder in ('images', 'splits'):
        (tmp_path / folder).mkdir()
    for split in ('train', 'val', 'test'):
        lines = []
        for i in range(4):
            image = rng.integers(0, 120, (40, 40), np.uint8) + np.uint8(100 * (i % 2))
            (tmp_path / 'images' / f'{split}{i}.png').write_bytes(encode_png(image))
            lines.append(f'{split}{i}.png {i % 2}')
        (tmp_path / 'splits' / f'cls_{split}.txt').write_text('\n'.join(lines) + '\n')
    options = '--image-size 32 --arch tiny --cfg-options train_cfg.max_epochs=1'
    for name in ('train', 'val', 'test'):
        options += f' {name}_dataloader.batch_size=2 {name}_dataloader.num_workers=0'
        options += f' {name}_dataloader.persistent_workers=False'
    command = arguments(tmp_path, '--method', f'ViT: {CLS}', '--common', options)
    main(command)
    log = tmp_path / 'runs' / 'ViT' / '100_percent_seed_0' / 'log.txt'
    table = (tmp_path / 'runs' / 'results.md').read_text()
    header, _, row = (line.split('|')[1:-1] for line in table.splitlines())
    cells = {k.strip(): v.strip() for k, v in zip(header, row, strict=True)}
    metrics = json.loads((log.parent / 'test' / 'summary.json').read_text())['metrics']
    assert cells['method'] == 'ViT'
    assert float(cells['F1']) == pytest.approx(metrics['F1'], abs=0.051)
    before = log.read_text()
    main(command)
    assert log.read_text() == before
