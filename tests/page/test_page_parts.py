"""Parts of the page without a browser."""

import asyncio
import json
from types import SimpleNamespace

import numpy as np
import pytest

from support.ultrasound_dicom import write_dicom

pytest.importorskip('gradio')
from usfm_mm.inference.frames import Frame
from usfm_mm.page import opened
from usfm_mm.page.alike import Index, alike
from usfm_mm.page.gate import Gate, is_open, only_sent_files
from usfm_mm.page.opened import open_picture
from usfm_mm.page.pixels import layer_of, outline_of, shrunk
from usfm_mm.page.server import is_loopback, listen
from usfm_mm.page.views import segmentation

RNG = np.random.default_rng(0)


def test_an_opened_file_is_in_memory_under_its_name(tmp_path):
    frames = RNG.integers(0, 256, (3, 40, 50), np.uint8)
    path = write_dicom(tmp_path / 'a.dcm', frames, PixelSpacing=[0.5, 0.4], FrameTime='40')
    file = open_picture(path, 'seen as this.dcm')
    path.unlink()
    assert {frame.source for frame in file.frames} == {'seen as this.dcm'}
    np.testing.assert_array_equal([frame.pixels for frame in file.frames], frames)
    assert file.frames[2].time == pytest.approx(0.08)
    assert file.frames[0].spacing == (0.5, 0.4)


@pytest.mark.parametrize(('limit', 'value'), [('MAX_FRAMES', 2), ('MAX_BYTES', 5000)])
def test_what_is_too_long_is_told(tmp_path, monkeypatch, limit, value):
    path = write_dicom(tmp_path / 'a.dcm', np.zeros((3, 40, 50), np.uint8))
    monkeypatch.setattr(opened, limit, value)
    with pytest.raises(ValueError, match=r'^a\.dcm is too long for the page'):
        open_picture(path)


def test_damaged_frames_are_told_and_the_rest_shown(tmp_path, monkeypatch):
    frame = Frame(np.zeros((4, 4), np.uint8), 'x')

    def frames_of(path, report):
        yield frame
        report(str(path), 1, 'damaged')

    monkeypatch.setattr(opened, 'frames_of', frames_of)
    file = open_picture(tmp_path / 'a.dcm')
    assert (len(file.frames), file.problems) == (1, ['a.dcm, frame 1: damaged'])


def test_layers_of_a_mask():
    mask = np.zeros((9, 9), np.uint8)
    mask[2:7, 2:7] = 1
    mask[3:5, 3:5] = 2
    palette = [(0, 0, 0), (10, 20, 30), (40, 50, 60)]
    fill, outline = layer_of(mask, palette), outline_of(mask, palette)
    assert fill[0, 0].tolist() == [0, 0, 0, 0]
    assert fill[2, 2].tolist() == [10, 20, 30, 255]
    assert fill[3, 3].tolist() == [40, 50, 60, 255]
    assert (
        outline[..., 3] > 0
    ).sum() == 4 + 16 + 5  # class 2, the ring, and class 1 around class 2
    assert shrunk(np.zeros((100, 50), np.uint8), 20).shape == (20, 10)


def test_names_of_classes_and_files_are_escaped():
    class Model:
        card = SimpleNamespace(
            task='segment',
            image_size=(8, 8),
            channels=1,
            classes=['0', '<i>'],
            palette=[],
            kind='class',
            clip_frames=None,
        )

        def __call__(self, images):
            return np.full((len(images), 2, 8, 8), 0.5, np.float32)

    html = segmentation(Model(), Frame(np.zeros((8, 8), np.uint8), '<script>"'))
    assert '&lt;i&gt;' in html
    assert '<i>' not in html
    assert '&lt;script&gt;&quot;' in html


def test_a_picture_of_the_index_that_is_gone_is_named():
    class Encoder:
        def prepare(self, image):
            return image[None]

        def encode(self, images):
            return np.array([[1.0, 0.0]], np.float32)

    table = SimpleNamespace(
        vectors=np.array([[3.0, 4.0]]), sources=['/patients/gone.png'], numbers=[0]
    )
    html = alike(Index('i', Encoder(), table), Frame(np.zeros((8, 8), np.uint8), 'x'))
    assert '0.6000 · gone.png (the picture is not there)' in html
    assert '/patients' not in html


def ask(gate, path, body=b'', length=None):
    """Status and body of a call through the gate; the body comes in two parts."""
    parts = [
        {'type': 'http.request', 'body': body[:5], 'more_body': True},
        {'type': 'http.request', 'body': body[5:]},
    ]
    sent = []

    async def receive():
        return parts.pop(0) if parts else {'type': 'http.disconnect'}

    async def send(message):
        sent.append(message)

    headers = [] if length is None else [(b'content-length', str(length).encode())]
    scope = dict(type='http', path=path, headers=headers)
    asyncio.run(gate(scope, receive, send))
    return sent[0]['status'], sent[1]['body']


async def echo(scope, receive, send):
    """Answer with what was received, or tell that the visitor left."""
    body, more = b'', True
    while more:
        message = await receive()
        body += message.get('body', b'left')
        more = message.get('more_body', False)
    await send({'type': 'http.response.start', 'status': 200})
    await send({'type': 'http.response.body', 'body': body})


def test_the_gate(tmp_path):
    gate = Gate(echo, 2**20, tmp_path)
    upload, join = '/gradio_api/upload', '/gradio_api/queue/join'
    assert ask(gate, upload, b'0123456789') == (200, b'0123456789')
    assert ask(gate, upload, length=2**20) == (200, b'')
    assert ask(gate, upload, length=3 * 2**20) == (413, b'A file may have 1 MB at most.')
    assert ask(gate, upload, length='many')[0] == 413
    assert ask(gate, upload, bytes(3 * 2**20))[1].endswith(b'left')  # more than it said
    assert ask(gate, '/gradio_api/file=/etc/passwd')[0] == 404
    own, other = ({'data': [{'path': str(p / 'a.png')}]} for p in (tmp_path, tmp_path.parent))
    assert json.loads(ask(gate, join, json.dumps(own).encode())[1]) == own
    assert ask(gate, join, json.dumps(other).encode())[0] == 400
    for bad in (b'no json', b'', b'[' * 100_000):
        assert ask(gate, join, bad)[0] == 400


def test_paths_in_calls(tmp_path):
    assert only_sent_files({'data': [{'path': str(tmp_path / 'x/a.png')}, 'text', 3]}, tmp_path)
    for path in ('/etc/passwd', 'http://localhost/a', 3, None, str(tmp_path / '../a.png')):
        assert not only_sent_files({'data': [[{'meta': {}, 'path': path}]]}, tmp_path)
    (tmp_path / 'link').symlink_to('/etc')
    assert not only_sent_files({'path': str(tmp_path / 'link/passwd')}, tmp_path)


def test_addresses():
    assert is_open('/assets/index-a.js')
    for path in ('/assets/../x', '/gradio_api/proxy=http://a', '/login', '/gradio_api/run/predict'):
        assert not is_open(path)
    assert not is_loopback('192.168.0.1')
    assert is_loopback('::1')


def test_a_port_that_is_taken_is_told():
    with (
        listen('127.0.0.1', 0) as taken,
        pytest.raises(ValueError, match=r'127\.0\.0\.1, port \d+, cannot be listened to'),
    ):
        listen('127.0.0.1', taken.getsockname()[1])
