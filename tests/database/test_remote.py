"""Sources in object storage: the same database as of the same files in a folder."""

import csv
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import cv2
import nibabel
import numpy as np
import pytest

from support.hostile_store import in_memory
from support.made_up import (
    content,
    key_file,
    rows,
    run,
    speckle,
    write_dicom,
    write_folder,
)
from usfm_mm.commands.build_database import main as build_database
from usfm_mm.database.listing import SourceError, check_sources
from usfm_mm.database.remote import Remote, RemoteError, source_of
from usfm_mm.database.review import write_sheets
from usfm_mm.database.workers import Cluster

pytestmark = pytest.mark.usefixtures('no_text_search')

RULES = """
exclude: ['_mask']
organ: [{path: '/(?P<organ>liver|thyroid)/'}]
patient: [{path: '/(?P<patient>\\d+)\\.(png|mhd|hdr|avi)$'}]
"""


def write_all_kinds(root):
    """A folder with files of every kind that is read, and some that are not."""
    write_folder(root, 4)
    write_dicom(root / 'a.dcm', speckle(20), PatientID='7', StudyInstanceUID='1.2.3')
    write_dicom(root / 'deep/er/clip', np.stack([speckle(s) for s in (30, 31)]), PatientID='8')
    video = cv2.VideoWriter(str(root / '9.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 2, (96, 96))
    for seed in range(40, 43):
        video.write(cv2.cvtColor(speckle(seed, 96, 96), cv2.COLOR_GRAY2BGR))
    video.release()
    (root / '10.mhd').write_text(
        'NDims = 3\nDimSize = 96 96 1\nElementType = MET_UCHAR\nElementDataFile = ten.raw\n'
    )
    (root / 'ten.raw').write_bytes(speckle(50, 96, 96).tobytes())
    voxels = speckle(60, 96, 96).T[..., None]
    nibabel.save(nibabel.Nifti1Pair(voxels, np.eye(4)), root / '11.hdr')
    (root / 'damaged.png').write_bytes((root / 'liver/000.png').read_bytes()[:600])
    (root / 'liver/000_mask.png').write_bytes(b'secret')
    (root / 'notes.txt').write_text('no picture')
    (root / 'empty').touch()
    return root


def told(folder, out, journal, source):
    """What must be alike: images, index but for the files' hashes, and what was left out."""
    index = [{k: v for k, v in row.items() if k != '_file'} for row in rows(out)]
    images = {k: v for k, v in content(out).items() if k.startswith('images')}
    (lists,) = journal.glob('secret.key.d/*')
    rejected = sorted(
        (path.removeprefix(source), *rest)
        for path, *rest in csv.reader((lists / 'rejected.csv').open())
    )
    return index, images, rejected


def test_memory_gives_the_index_of_the_folder(tmp_path):
    folder = write_all_kinds(tmp_path / 'export')
    run([folder], tmp_path / 'a', tmp_path / 'key_a', RULES)
    with in_memory(folder, 'bucket/export'):
        run([Remote('memory://bucket/export')], tmp_path / 'b', tmp_path / 'key_b', RULES)
    local = told(folder, tmp_path / 'a', tmp_path / 'key_a', str(folder))
    remote = told(folder, tmp_path / 'b', tmp_path / 'key_b', 'memory://bucket/export')
    assert local == remote
    assert len(local[0]) == 4 + 1 + 2 + 3 + 1 + 1
    reasons = {path: reason for path, reason, _ in remote[2]}
    assert reasons['/liver/000_mask.png'] == 'excluded by rule'
    assert reasons['/notes.txt'] == 'not an image'
    # one file's images share its hash here and there
    files = [[row['_file'] for row in rows(tmp_path / out)] for out in 'ab']
    pairs = set(zip(*files, strict=True))
    assert len(pairs) == len(set(files[0])) == len(set(files[1]))
    assert not set(files[0]) & set(files[1])


def test_what_is_done_is_not_fetched_again(tmp_path, monkeypatch):
    folder = write_folder(tmp_path / 'export', 3)
    source = Remote('memory://bucket/export')
    with in_memory(folder, 'bucket/export') as system:
        run([source], tmp_path / 'out', tmp_path, RULES)
        before = content(tmp_path / 'out/images')
        fetched = []
        opened = type(system)._open

        def noted(self, path, *rest, **more):
            fetched.append(path.rpartition('/')[2])
            return opened(self, path, *rest, **more)

        monkeypatch.setattr(type(system), '_open', noted)
        run([source], tmp_path / 'out', tmp_path, RULES)
        assert (fetched, content(tmp_path / 'out/images')) == ([], before)
        # one is replaced, one comes, one goes: what is in the database stays
        system.pipe_file('/bucket/export/liver/000.png', (folder / 'liver/002.png').read_bytes())
        system.pipe_file('/bucket/export/new.png', b'\x89PNG\r\n\x1a\n')
        system.rm('/bucket/export/thyroid/001.png')
        run([source], tmp_path / 'out', tmp_path, RULES)
        assert sorted(fetched) == ['000.png', '000.png', 'new.png', 'new.png']  # one write each
        assert len(rows(tmp_path / 'out')) == 2


def test_excluded_files_are_not_fetched_and_leave(tmp_path):
    folder = write_folder(tmp_path / 'export', 4)
    source = Remote('memory://bucket/export')
    rule = RULES.replace("'_mask'", "'^export/liver/'")
    with in_memory(folder, 'bucket/export') as system:
        run([source], tmp_path / 'out', tmp_path, RULES)
        text = run([source], tmp_path / 'out', tmp_path, rule)
        assert {row['organ'] for row in rows(tmp_path / 'out')} == {'thyroid'}
        assert '2 files left out: excluded by rule' in text
        # Moved to where a rule excludes it, and gone from its place; a copy changes nothing.
        objects = system.store
        objects['/bucket/export/liver/001.png'] = objects.pop('/bucket/export/thyroid/001.png')
        objects['/bucket/export/liver/003.png'] = objects['/bucket/export/thyroid/003.png']
        run([source], tmp_path / 'out', tmp_path, rule)
        (left,) = rows(tmp_path / 'out')
        system.rm('/bucket/export/thyroid/003.png')
        run([source], tmp_path / 'out', tmp_path, rule)
        assert not (tmp_path / 'out/index.parquet').exists()
        assert not (tmp_path / 'out' / left['path']).exists()


def test_names_are_never_addresses(tmp_path):
    folder = write_folder(tmp_path / 'export', 1)
    picture = (folder / 'liver/000.png').read_bytes()
    names = ['x::file:', 'a?b#c', 'y' * 300 + '.png', '%2e%2e', 'a*[b]', 'new\nline', '@x']
    (tmp_path / 'none').mkdir()
    with in_memory(tmp_path / 'none', 'b') as system:
        for number, name in enumerate(names):
            system.pipe_file(f'/b/{number}/{name}', picture)
        run([Remote('memory://b')], tmp_path / 'out', tmp_path, RULES)
    (lists,) = tmp_path.glob('secret.key.d/*')
    with (lists / 'duplicates.csv').open(newline='') as file:
        read = {row['path'] for row in csv.DictReader(file)}
    assert len(rows(tmp_path / 'out')) == 1
    assert len(read) == len(names) - 1
    assert (lists / 'rejected.csv').read_text() == 'path,reason,detail\n'


def test_review_fetches_again(tmp_path):
    folder = write_folder(tmp_path / 'export', 2)
    cv2.imwrite(str(folder / 'liver/blank.png'), np.zeros((64, 64), np.uint8))
    with in_memory(folder, 'bucket/export'):
        run([Remote('memory://bucket/export')], tmp_path / 'out', tmp_path, RULES)
        sheets = write_sheets(tmp_path / 'out', tmp_path / 'secret.key')
    assert [path.name for path in sheets if path.name.startswith('rejected')]


def test_two_sources_share_no_files(tmp_path):
    with in_memory(write_folder(tmp_path / 'a', 1), 'b/c'):
        with pytest.raises(SourceError, match=r'memory://b and memory://b/c share files'):
            check_sources([Remote('memory://b/c'), Remote('memory://b')], tmp_path / 'out')
        check_sources([Remote('memory://b/c'), tmp_path / 'a'], tmp_path / 'out')


@pytest.mark.parametrize(
    ('address', 'told'),
    [
        (
            'memory://nothing/there',
            'there is no memory://nothing/there, or it cannot be',
        ),
        ('nosuch://bucket', 'nosuch://bucket cannot be opened .*Protocol not known'),
        ('memory://', 'names no folder'),
        ('https://anna:pass1@host/x', 'has a name or password in it'),
        ('https://host/x?X-Signature=pass1', r'has \?, # or \* in it'),
        ('s3://bucket/../x', r'or \.\.'),
        ('zip://a.zip::s3://bucket', 'leads through another one'),
        ('filecache://bucket/x', 'keeps copies'),
    ],
)
def test_addresses_that_are_refused(tmp_path, address, told):
    with pytest.raises(RemoteError, match=told) as caught:
        check_sources([source_of(address)], tmp_path / 'out')
    assert len(str(caught.value).splitlines()) == 1
    assert 'pass1' not in str(caught.value)


@pytest.mark.parametrize(
    ('words', 'told'),
    [
        (['memory://no/thing', 'out'], 'there is no memory://no/thing, or it cannot'),
        (['.', 's3://b/out'], 'the database must be on this machine, not s3://b/out'),
        (['.', 'out', '--exclude-like', 's3://b'], 'what --exclude-like names must be on this'),
    ],
)
def test_the_command(tmp_path, monkeypatch, words, told):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RemoteError, match=told):
        build_database([*words, '--key-file', str(key_file(tmp_path))])


def test_file_addresses_are_paths(tmp_path):
    assert source_of((tmp_path / 'a b').as_uri()) == tmp_path / 'a b'
    with pytest.raises(RemoteError):
        source_of('s3://')


@pytest.fixture
def server(tmp_path):
    """A folder over HTTP."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / 'served'))
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f'http://127.0.0.1:{server.server_port}'
        server.shutdown()
        thread.join()


def test_a_server_and_two_processes(tmp_path, server):
    pytest.importorskip('aiohttp')
    folder = write_all_kinds(tmp_path / 'served/export')
    cluster = Cluster(workers=2)
    run([folder], tmp_path / 'a', tmp_path / 'key_a', RULES)
    run([Remote(f'{server}/export')], tmp_path / 'b', tmp_path / 'key_b', RULES, cluster=cluster)
    local = told(folder, tmp_path / 'a', tmp_path / 'key_a', str(folder))
    assert told(folder, tmp_path / 'b', tmp_path / 'key_b', f'{server}/export') == local


def test_a_store_that_cannot_be_reached(tmp_path, server):
    pytest.importorskip('aiohttp')
    with pytest.raises(RemoteError, match='there is no'):
        check_sources([Remote(f'{server}/nothing')], tmp_path / 'out')
    with pytest.raises(RemoteError, match='cannot be reached'):
        check_sources([Remote('http://127.0.0.1:1/x')], tmp_path / 'out')


def test_a_store_that_refuses(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError('Access Denied')

    with in_memory(write_folder(tmp_path / 'a', 1), 'b') as system:
        monkeypatch.setattr(type(system), 'info', refuse)
        with pytest.raises(RemoteError, match=r'cannot be read \(PermissionError: Access Denied\)'):
            check_sources([Remote('memory://b')], tmp_path / 'out')
