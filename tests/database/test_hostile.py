"""Hostile files: none takes long or much memory, each is counted with a true reason."""

import signal
import subprocess
import sys
import textwrap

import pytest

from support.hostile import HOSTILE, LONG
from support.hostile.measure import baseline, cost_of
from support.made_up import rows, run, write_folder
from usfm_mm.database.readers.limits import bounded_memory

pytestmark = pytest.mark.usefixtures('no_text_search')
# The benchmark reads all.
QUICK = [name for name in HOSTILE if name not in LONG][::3]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp('hostile')
    for name in QUICK:
        HOSTILE[name][0](root / name)
    return root


def test_there_are_more_than_a_hundred():
    assert len(HOSTILE) > 150
    assert len(QUICK) > 50
    assert set(HOSTILE) >= LONG


@pytest.mark.parametrize('number', range(4))
def test_each_has_a_true_reason_and_its_limits(folder, tmp_path, number):
    before = baseline()
    for name in QUICK[number::4]:
        for cost in cost_of(folder / name, tmp_path, 40):
            true = HOSTILE[name][1]
            told = [cost.reason] if cost.reason or cost.images else cost.frames
            assert any(reason in true for reason in told), (name, cost)
            assert cost.seconds < 60, (name, cost)
            assert cost.memory - before < 1700, (name, cost)


def test_the_rest_is_done(folder, tmp_path):
    """One process, whom no file may end; the good ones among the others are taken."""
    good = write_folder(tmp_path / 'good', 6)
    text = run([good, folder], tmp_path / 'out', tmp_path)
    assert len([row for row in rows(tmp_path / 'out') if row['organ'] != 'unknown']) == 6
    for reason in ('damaged', 'too large', 'truncated', 'not a regular file'):
        assert f'files left out: {reason}' in text


def test_memory_has_an_end():
    code = """
    import numpy as np
    from usfm_mm.database.readers.limits import bounded_memory
    with bounded_memory(200_000_000):
        np.ones(10_000_000, np.uint8)
        try:
            np.ones(400_000_000, np.uint8)
        except MemoryError:
            print('refused')
    np.ones(400_000_000, np.uint8)
    """
    done = subprocess.run(
        [sys.executable, '-c', textwrap.dedent(code)], capture_output=True, text=True
    )
    if sys.platform == 'linux':
        assert (done.returncode, done.stdout) == (0, 'refused\n'), done.stderr


def test_memory_is_told_as_the_reason(tmp_path, monkeypatch):
    from usfm_mm.database import chunk

    def greedy(*_):
        raise MemoryError

    monkeypatch.setattr(chunk, 'extract', greedy)
    run([write_folder(tmp_path / 'source', 1)], tmp_path / 'out', tmp_path)
    (journal,) = tmp_path.glob('secret.key.d/*')
    line = (journal / 'rejected.csv').read_text().splitlines()[1]
    assert line.endswith('too large,"it takes more than 1,200 MB of memory"')


def test_limits_are_given_back():
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    with bounded_memory():
        assert resource.getrlimit(resource.RLIMIT_DATA) != before or sys.platform != 'linux'
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    assert signal.getitimer(signal.ITIMER_PROF) == (0, 0)
