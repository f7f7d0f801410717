"""Sources on the web: pages that list files."""

import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import nibabel
import numpy as np
import pytest

from support.all_kinds import RULES, told, write_all_kinds
from support.made_up import content, rows, run, speckle, write_image
from usfm_mm.database.fetch import at_hand
from usfm_mm.database.listing import check_sources, walk
from usfm_mm.database.remote import Remote, RemoteError, split_path
from usfm_mm.database.workers import Cluster

aiohttp = pytest.importorskip('aiohttp')
pytestmark = pytest.mark.usefixtures('no_text_search')


class Handler(SimpleHTTPRequestHandler):
    """A folder, with pages of one's own in place of some; notes what was asked for."""

    pages: dict[str, str] = {}
    fetched: list[str] = []
    pause = 0.0

    def do_GET(self):
        self.fetched.append(self.path)
        page = self.pages.get(self.path.rstrip('/'))
        if page is None:
            super().do_GET()
            return
        self.send_response(200)
        self.send_header('Content-Type', 'text/html')
        self.end_headers()
        self.wfile.write(page.encode())

    def copyfile(self, source, outputfile):
        while block := source.read(100_000):
            outputfile.write(block)
            time.sleep(self.pause)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    """The folder ``served`` over HTTP."""
    monkeypatch.setattr(Handler, 'pages', {})
    monkeypatch.setattr(Handler, 'fetched', [])
    handler = partial(Handler, directory=str(tmp_path / 'served'))
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f'http://127.0.0.1:{server.server_port}'
        server.shutdown()
        thread.join()


def test_a_server_and_two_processes(tmp_path, server):
    folder = write_all_kinds(tmp_path / 'served/export')
    cluster = Cluster(workers=2)
    run([folder], tmp_path / 'a', tmp_path / 'key_a', RULES)
    run([Remote(f'{server}/export')], tmp_path / 'b', tmp_path / 'key_b', RULES, cluster=cluster)
    local = told(folder, tmp_path / 'a', tmp_path / 'key_a', str(folder))
    assert told(folder, tmp_path / 'b', tmp_path / 'key_b', f'{server}/export') == local


def test_a_store_that_cannot_be_reached(tmp_path, server):
    with pytest.raises(RemoteError, match='there is no'):
        check_sources([Remote(f'{server}/nothing')], tmp_path / 'out')
    with pytest.raises(RemoteError, match='cannot be reached'):
        check_sources([Remote('http://127.0.0.1:1/x')], tmp_path / 'out')


NAMED = """
exclude: ['Müller Anna/', ' copy\\.png$', '^export für uns/100%/']
organ: [{path: '/(?P<organ>Schilddrüse|Leber rechts)/'}]
center: [{path: '/(?P<center>Haus [^/]+)/'}]
patient: [{path: '/(?P<patient>[^/]+)/[^/]+$'}]
"""


def write_named(root):
    """Names with what an address writes otherwise."""
    names = [
        'Haus Süd/Schilddrüse/Jörg Öz/1.png',
        'Haus Süd/Schilddrüse/Jörg Öz/1 copy.png',
        'Haus Süd/Leber rechts/Müller Anna/2.png',
        'Haus Nord #2/Leber rechts/J. & K?/3+4.png',
        'Haus Nord #2/Leber rechts/M%C3%BCller%20Anna/5.png',  # its real name
        '100%/6.png',
        '日本/7;8=9.png',
    ]
    for seed, name in enumerate(names):
        write_image(root / name, seed)
    (root / 'ü 1.mhd').write_text(
        'NDims = 3\nDimSize = 96 96 1\nElementType = MET_UCHAR\nElementDataFile = ü 1#?.raw\n'
    )
    (root / 'ü 1#?.raw').write_bytes(speckle(50, 96, 96).tobytes())
    nibabel.save(
        nibabel.Nifti1Pair(speckle(60, 96, 96).T[..., None], np.eye(4)), root / 'é ü%20.hdr'
    )
    return root


def test_rules_see_names_and_not_how_addresses_write_them(tmp_path, server):
    folder = write_named(tmp_path / 'served/export für uns')
    run([folder], tmp_path / 'a', tmp_path / 'key_a', NAMED)
    url = f'{server}/export%20f%C3%BCr%20uns'
    run([Remote(url)], tmp_path / 'b', tmp_path / 'key_b', NAMED)
    local = told(folder, tmp_path / 'a', tmp_path / 'key_a', str(folder))
    assert told(folder, tmp_path / 'b', tmp_path / 'key_b', url) == local
    assert len(local[0]) == 4 + 2
    reasons = [(path, reason) for path, reason, _ in local[2] if path.endswith('.png')]
    assert [reason for _, reason in reasons] == 3 * ['excluded by rule']
    assert {row['center'] for row in local[0]} == {'Haus Süd', 'Haus Nord #2', None}
    # nor were they fetched
    assert not any('2.png' in path or 'copy' in path for path in Handler.fetched)
    for file in walk([Remote(url)]):
        source, inner = split_path(file.path, file.name)
        assert (source, source.url + inner) == (Remote(url), file.path)


def test_an_encoded_source_that_is_a_file(tmp_path, server):
    write_image(tmp_path / 'served/für Anna.png', 1)
    (file,) = walk([Remote(f'{server}/f%C3%BCr%20Anna.png')])
    assert file.name == 'für Anna.png'
    with at_hand(file.path, file.name) as path:
        assert path.read_bytes() == (tmp_path / 'served/für Anna.png').read_bytes()


def test_links_that_ask_for_more_than_a_file_are_left_out(tmp_path, server):
    """Signatures would stand in the journal; an order of the page is no file."""
    write_image(tmp_path / 'served/export/good.png', 1)
    write_image(tmp_path / 'served/secret.png', 2)
    links = ['good.png', 'good.png?X-Amz-Signature=SECRET', '?C=N;O=D', 'more/?sig=SECRET']
    links += ['good.png#SECRET', '%2e%2e/secret.png', '%2E./secret.png', '/secret.png']
    Handler.pages['/export'] = ''.join(f'<a href="{link}">x</a>' for link in links)
    source = Remote(f'{server}/export')
    assert [file.name for file in walk([source])] == ['export/good.png']
    run([source], tmp_path / 'out', tmp_path)
    assert len(rows(tmp_path / 'out')) == 1
    (lists,) = tmp_path.glob('secret.key.d/*')
    assert b'SECRET' not in b''.join(content(lists).values())
    assert not any('secret' in path for path in Handler.fetched)


def test_a_long_download_comes_to_its_end(tmp_path, server, monkeypatch):
    """By default aiohttp ends whatever takes five minutes."""
    fsspec = pytest.importorskip('fsspec')
    kind = fsspec.get_filesystem_class('http')
    write_image(tmp_path / 'served/large.png', 1, height=800, width=800)
    monkeypatch.setattr(aiohttp.client, 'DEFAULT_TIMEOUT', aiohttp.ClientTimeout(total=1))
    monkeypatch.setattr(Handler, 'pause', 0.3)
    kind.clear_instance_cache()  # sessions keep their limit
    try:
        (file,) = walk([Remote(f'{server}/large.png')])
        with at_hand(file.path, file.name) as path:
            assert path.stat().st_size == (tmp_path / 'served/large.png').stat().st_size > 400_000
    finally:
        kind.clear_instance_cache()
