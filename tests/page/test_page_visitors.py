"""Visitors of the page who are many, or mean it harm."""

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from support.hostile import HOSTILE

pytest.importorskip('gradio')
from starlette.testclient import TestClient

from usfm_mm.page.apart import Apart
from usfm_mm.page.layout import _take
from usfm_mm.page.opened import open_picture


@pytest.mark.parametrize(
    ('name', 'told'),
    [
        ('items-two-million.dcm', 'took too long: more than 0.2 s of the processor'),  # in Python
        ('scans-20000.jpg', 'reader crashed: or took more than 0.3 s of the processor'),  # in C
    ],
)
def test_a_hostile_file_ends_and_the_next_one_is_read(tmp_path, project_root, name, told):
    HOSTILE[name][0](tmp_path / name)
    good = project_root / 'models' / 'sample_fetal_head.png'
    with Apart(0.2) as apart:
        with pytest.raises(ValueError, match='^') as error:
            apart.open(tmp_path / name, 'seen.dcm')
        assert str(error.value) == f'seen.dcm: {told}'
        [frame] = apart.open(good, 'a.png').frames
    [expected] = open_picture(good).frames
    assert frame.source == 'a.png'
    assert (frame.pixels == expected.pixels).all()


def test_what_takes_no_time_of_the_processor_ends_too(project_root):
    good = project_root / 'models' / 'sample_fetal_head.png'
    others = {child.pid for child in multiprocessing.active_children()}  # of earlier tests
    with Apart() as apart:
        apart.open(good, 'a.png')
        [reader] = [it for it in multiprocessing.active_children() if it.pid not in others]
        os.kill(reader.pid, signal.SIGSTOP)
        apart.clock = 0.1
        with pytest.raises(ValueError, match=r'^a\.png: reader crashed'):
            apart.open(good, 'a.png')
        apart.clock = 100
        assert apart.open(good, 'a.png').name == 'a.png'
    reader.join(10)
    assert reader.exitcode == -signal.SIGKILL


def test_who_drops_the_same_file_has_a_copy_of_their_own(project_root, tmp_path, monkeypatch):
    """The first answer takes its file away; the second one is still there."""
    monkeypatch.setenv('GRADIO_TEMP_DIR', str(tmp_path))
    from usfm_mm.page.offline import gradio as gr
    from usfm_mm.page.server import application

    content = (project_root / 'models' / 'sample_fetal_head.png').read_bytes()
    client = TestClient(application(gr.Blocks, '127.0.0.1', 2**20), 'http://127.0.0.1')
    paths = []
    for _ in range(2):
        answer = client.post('/gradio_api/upload', files={'files': ('a.png', content)})
        paths += [Path(path) for path in answer.json()]
    assert paths[0] != paths[1]
    assert {path.name for path in paths} == {'a.png'}
    for left in (1, 0):
        _, file, *_ = _take(open_picture, (str(paths[left]), 'a.png'))
        assert len(file.frames) == 1
        assert [path.exists() for path in paths] == [bool(left), False]
