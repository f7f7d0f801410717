"""The script for a GPU: its pieces are done, tried again or gone on with, and all is told."""

import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec

import pytest

from benchmarks import gpu
from benchmarks.gpu import LEFT, Piece, collect, do_pieces, pieces_of
from usfm_mm.experiments.reading import find_experiment

# Takes longer than it is given, until it may end.
PATIENT = """
import json, pathlib, sys, time
place = pathlib.Path(sys.argv[1])
if not (place / 'go').exists():
    time.sleep(60)
(place / 'result.json').write_text(json.dumps(dict(images_per_s=7)))
"""


WRITES = 'import sys; open(sys.argv[1], "w").write("{}")'
SLEEPS = """
import os, pathlib, sys, time
part = pathlib.Path(sys.argv[1]) / 'part'
part.write_text(str(os.getpid()))
part.rename(part.with_name('pid'))
time.sleep(60)
"""


def piece(name, folder, program, *words):
    return Piece(name, (sys.executable, '-c', program, *words), folder / 'result.json')


def record(folder, name):
    return json.loads((folder / 'pieces' / f'{name}.json').read_text())


def test_what_is_cut_goes_on_and_what_is_done_is_kept(tmp_path):
    own = piece('study', tmp_path, PATIENT, str(tmp_path))
    assert do_pieces(tmp_path, [own], 0.2) == LEFT
    assert record(tmp_path, 'study')['state'] == 'cut'
    (tmp_path / 'go').touch()
    assert do_pieces(tmp_path, [own], 60) == 0
    assert record(tmp_path, 'study')['state'] == 'done'
    assert record(tmp_path, 'study')['seconds_before'] >= 0.2
    (tmp_path / 'result.json').write_text('{"kept": 1}')
    assert do_pieces(tmp_path, [own], 60) == 0
    collect(tmp_path, [own], tiny=True)
    (told,) = json.loads((tmp_path / 'gpu.json').read_text())['pieces']
    assert (told['name'], told['state'], told['result']) == ('study', 'done', {'kept': 1})


def test_a_piece_that_fails_keeps_no_other_back_and_is_tried_again(tmp_path):
    program = 'import sys, pathlib; sys.exit(not pathlib.Path(sys.argv[1]).exists())'
    bad = piece('bad', tmp_path, program, str(tmp_path / 'mended'))
    good = piece('good', tmp_path, WRITES, str(tmp_path / 'result.json'))
    late = piece('late', tmp_path, PATIENT, str(tmp_path))
    assert do_pieces(tmp_path, [bad, good], 60) == 1
    assert [record(tmp_path, name)['state'] for name in ('bad', 'good')] == ['failed', 'done']
    assert (
        do_pieces(tmp_path, [bad, good, late], 2) == LEFT
    )  # a failure is no end while more is left
    (tmp_path / 'mended').touch()
    assert do_pieces(tmp_path, [bad, good], 60) == 0


def test_what_leaves_no_result_has_failed_and_another_command_is_another_piece(tmp_path):
    empty = piece('step', tmp_path, 'pass')
    assert do_pieces(tmp_path, [empty], 60) == 1
    other = piece('step', tmp_path, WRITES, str(tmp_path / 'result.json'))
    assert do_pieces(tmp_path, [other], 60) == 0
    again = piece('step', tmp_path, 'import sys; sys.exit(3)')
    assert do_pieces(tmp_path, [again], 60) == 1  # the result of the other command is none of it
    assert record(tmp_path, 'step')['seconds_before'] == 0


def test_a_stopped_call_leaves_no_process_behind_and_says_what_is_there(tmp_path):
    program = f"""
import sys, benchmarks.gpu as gpu
from pathlib import Path
own = gpu.Piece('study', (sys.executable, '-c', {SLEEPS!r}, {str(tmp_path)!r}), Path('none'))
gpu.pieces_of = lambda *_: [own]
sys.argv = ['gpu', {str(tmp_path)!r}, '--tiny']
gpu.main()
"""
    call = subprocess.Popen([sys.executable, '-c', program])
    while not (tmp_path / 'pid').exists() and call.poll() is None:
        time.sleep(0.05)
    call.send_signal(signal.SIGTERM)
    assert call.wait(60) == 143
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / 'pid').read_text()), 0)
    assert json.loads((tmp_path / 'tiny' / 'gpu.json').read_text())['pieces'][0]['state'] == 'open'


def test_without_time_nothing_begins(tmp_path):
    own = piece('study', tmp_path, PATIENT, str(tmp_path))
    assert do_pieces(tmp_path, [own], 0) == LEFT
    collect(tmp_path, [own], tiny=True)
    (told,) = json.loads((tmp_path / 'gpu.json').read_text())['pieces']
    assert (told['state'], told['result']) == ('open', None)


@pytest.mark.parametrize('tiny', [False, True])
def test_pieces_have_names_of_their_own_and_modules_that_are_there(tmp_path, tiny):
    pieces = pieces_of(tmp_path, tiny)
    assert [each.name for each in pieces] == ['tests', 'step', 'step_compiled', 'study']
    assert len({each.result for each in pieces}) == len(pieces)
    for each in pieces:
        assert find_spec(each.command[each.command.index('-m') + 1])
    study = pieces[-1].command
    assert find_experiment(study[study.index('experiment') + 1]).is_file()


def test_tests_are_counted(tmp_path):
    path = tmp_path / 'tests.xml'
    path.write_text(
        '<testsuites><testsuite tests="9" failures="1" errors="0" skipped="3"/></testsuites>'
    )
    assert gpu.result_of(path) == dict(tests=9, failures=1, errors=0, skipped=3)
