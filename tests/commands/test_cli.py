"""The command-line tools as a user runs them."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from usfm_mm.commands.report_run import loss_table
from usfm_mm.io.run_log import read_log

ROOT = Path(__file__).resolve().parents[2]


def run(tool, *arguments):
    command = [sys.executable, f'tools/{tool}.py', *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_demo_data_are_the_papers_format(tmp_path):
    pytest.importorskip('pydicom')
    done = run('make_demo_data', tmp_path)
    assert done.returncode == 0, done.stderr
    files = sorted(tmp_path.rglob('*.png'))
    assert len(files) == 32
    assert sorted({path.parent.name for path in files}) == ['heart', 'lymph_node', 'phantom']
    for path in files:
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert image.shape == (256, 256)
        assert image.std() > 5
        assert path.stat().st_size > 256 * 256  # stored without compression


def test_print_config_shows_the_data_root(tmp_path):
    done = run(
        'print_config',
        'configs/usfm/pretrain_3mus.py',
        '--data-root',
        tmp_path,
        '--cfg-options',
        'train_cfg.max_epochs=3',
    )
    assert done.returncode == 0, done.stderr
    assert str(tmp_path) in done.stdout
    assert 'data/3mus' not in done.stdout
    assert 'max_epochs=3' in done.stdout


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['configs/nothing.py'], 'configs/nothing.py'),
        (['configs/usfm/pretrain_demo.py', '--data-root', 'nowhere'], 'nowhere: no such folder'),
    ],
)
def test_train_names_what_is_missing(arguments, message):
    done = run('train', *arguments)
    assert done.returncode != 0
    assert message in done.stderr.splitlines()[-1]


def test_train_without_index_says_how_to_make_one(tmp_path):
    done = run(
        'train',
        'configs/usfm/pretrain_demo.py',
        '--data-root',
        tmp_path,
        '--work-dir',
        tmp_path / 'run',
    )
    assert done.returncode != 0
    assert f'make an index with "usfm index {tmp_path}"' in done.stderr


def write_log(work_dir, name, rows):
    log = work_dir / name / 'vis_data' / 'scalars.json'
    log.parent.mkdir(parents=True)
    log.write_text('\n'.join(map(json.dumps, rows)))


def test_report_of_a_run(tmp_path):
    rows = [dict(step=i, loss=1 / i, loss_pixel=0.8 / i, loss_frequency=0.2 / i) for i in (1, 2, 4)]
    write_log(tmp_path, '20260101_000000', [*rows, {'val/total': 0.5, 'step': 1}])
    (tmp_path / 'last_checkpoint').write_text('somewhere/iter_4.pth')
    done = run('report_run', tmp_path)
    assert done.returncode == 0, done.stderr
    for text in ('1.0000', '0.5000', '0.2500', 'somewhere/iter_4.pth'):
        assert text in done.stdout
    assert cv2.imread(str(tmp_path / 'loss.png')) is not None
    assert 'no such folder' in run('report_run', tmp_path / 'last').stderr
    (tmp_path / 'last').mkdir()
    assert 'holds no run' in run('report_run', tmp_path / 'last').stderr


def test_report_joins_the_parts_of_a_resumed_run(tmp_path):
    def part(*steps):
        return [dict(step=step, loss=loss) for step, loss in steps]

    validation = {'val/total': 0.7, 'step': 1}
    write_log(tmp_path, '20260101_000000', [*part((10, 5.0), (20, 4.0)), validation])
    # Stopped after step 40, resumed from 20: what was logged from there on is trained anew.
    write_log(
        tmp_path,
        '20260102_000000',
        [*part((30, 3.0), (40, 9.0)), {'val/total': 0.6, 'step': 2}],
    )
    write_log(tmp_path, '20260103_000000', part((35, 2.5), (50, 1.0)))
    write_log(tmp_path, '20260104_000000', [{'val/total': 0.1, 'step': 0}])  # tools/test.py
    write_log(tmp_path, '20260105_000000', [])  # stopped before the first step was logged
    steps, validations = read_log(tmp_path)
    assert [(row['step'], row['loss']) for row in steps] == [
        (10, 5.0),
        (20, 4.0),
        (30, 3.0),
        (35, 2.5),
        (50, 1.0),
    ]
    assert validations == [(20, {'val/total': 0.7})]
    # Stopped in its last validation, and resumed for it alone.
    write_log(tmp_path, '20260106_000000', [{'val/total': 0.5, 'step': 3}])
    assert read_log(tmp_path)[1][1:] == [(50, {'val/total': 0.5})]
    # Features are measured when all is over, which is no validation.
    write_log(tmp_path, '20260107_000000', [{'embedding/silhouette': 0.1, 'step': 50}])
    assert len(read_log(tmp_path)[1]) == 2


def test_a_log_that_a_full_disk_cut_off_is_read_to_there(tmp_path):
    write_log(tmp_path, '20260101_000000', [dict(step=1, loss=0.5)])
    log = next(tmp_path.glob('*/vis_data/scalars.json'))
    whole = log.read_text()
    log.write_text(f'{whole}\n{{"step": 2, "lo')
    assert [row['step'] for row in read_log(tmp_path)[0]] == [1]
    log.write_text(f'{{"step": 2, "lo\n{whole}')
    with pytest.raises(ValueError, match=r'scalars\.json:1 is no JSON: delete that line'):
        read_log(tmp_path)


@pytest.mark.parametrize(
    ('terms', 'columns'),
    [
        ((), ['iteration', 'loss']),
        (('loss_pixel',), ['iteration', 'loss', 'in space (L1)']),
        (('loss_pixel', 'loss_frequency'), ['iteration', 'loss', 'in space (L1)', 'in frequency']),
    ],
)
def test_report_has_the_terms_of_the_method(terms, columns):
    table = loss_table([dict(step=1, loss=0.5, **dict.fromkeys(terms, 0.25))])
    assert [column.header for column in table.columns] == columns
    assert [list(column.cells) for column in table.columns][:2] == [['1'], ['0.5000']]
    assert all(list(column.cells) == ['0.2500'] for column in table.columns[2:])


def test_report_without_a_training_step_or_checkpoint(tmp_path):
    write_log(tmp_path, '20260101_000000', [])
    done = run('report_run', tmp_path)
    assert done.returncode == 1
    assert f'error: {tmp_path} holds no run with a logged training step' in done.stderr
    with pytest.raises(FileNotFoundError, match='gone: no such folder; runs are in work_dirs'):
        read_log(tmp_path / 'gone')
    write_log(tmp_path, '20260102_000000', [dict(step=1, loss=0.5)])
    done = run('report_run', tmp_path)
    assert done.returncode == 0, done.stderr
    assert 'checkpoint: none yet' in done.stdout
