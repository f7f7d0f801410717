"""The command-line tools as a user runs them."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

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
    assert 'make_index.py' in done.stderr


def test_report_of_a_run(tmp_path):
    log = tmp_path / '20260101_000000' / 'vis_data' / 'scalars.json'
    log.parent.mkdir(parents=True)
    rows = [dict(step=i, loss=1 / i, loss_pixel=0.8 / i, loss_frequency=0.2 / i) for i in (1, 2, 4)]
    log.write_text('\n'.join(map(json.dumps, [*rows, {'val/loss': 0.5, 'step': 1}])))
    (tmp_path / 'last_checkpoint').write_text('somewhere/iter_4.pth')
    done = run('report_run', tmp_path)
    assert done.returncode == 0, done.stderr
    for text in ('1.0000', '0.5000', '0.2500', 'somewhere/iter_4.pth'):
        assert text in done.stdout
    assert cv2.imread(str(tmp_path / 'loss.png')) is not None
    assert 'holds no run' in run('report_run', tmp_path / 'last').stderr
