"""The script for a GPU: its pieces are done, tried again or gone on with, and all is told."""

import json
import sys

import pytest

from benchmarks import gpu
from benchmarks.gpu import LEFT, Piece, collect, do_pieces, pieces_of

# Takes longer than it is given, until it may end.
PATIENT = """
import json, pathlib, sys, time
place = pathlib.Path(sys.argv[1])
if not (place / 'go').exists():
    time.sleep(60)
(place / 'result.json').write_text(json.dumps(dict(images_per_s=7)))
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
    mark = tmp_path / 'mended'
    bad = piece(
        'bad', tmp_path, 'import pathlib, sys; sys.exit(not pathlib.Path(sys.argv[1]).exists())',
        str(mark),
    )  # fmt: skip
    good = piece('good', tmp_path, 'import sys; open(sys.argv[1], "w").write("{}")',
                 str(tmp_path / 'result.json'))  # fmt: skip
    assert do_pieces(tmp_path, [bad, good], 60) == 1
    assert (record(tmp_path, 'bad')['state'], record(tmp_path, 'good')['state']) == (
        'failed',
        'done',
    )
    mark.touch()
    assert do_pieces(tmp_path, [bad, good], 60) == 0


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


def test_tests_are_counted(tmp_path):
    path = tmp_path / 'tests.xml'
    path.write_text(
        '<testsuites><testsuite tests="9" failures="1" errors="0" skipped="3"/></testsuites>'
    )
    assert gpu.result_of(path) == dict(tests=9, failures=1, errors=0, skipped=3)
