"""Comparing two data sets."""

import io
import os
import signal

import cv2
import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console

from support.made_up import rows, run, speckle, write_folder
from usfm_mm.commands.check_overlap import main
from usfm_mm.curation.pack import pack
from usfm_mm.database import overlap
from usfm_mm.database.extract import extract
from usfm_mm.database.overlap import find_overlap, hash_set
from usfm_mm.database.types import Options
from usfm_mm.io.image import encode_png
from usfm_mm.io.index import write_index
from usfm_mm.io.packed import PACKED_NAME, PackedImages

pytestmark = pytest.mark.usefixtures('no_text_search')


def hashed(path):
    return hash_set(path, Options(), 1, Console(file=io.StringIO()))


def screen():
    """A picture that the builder cuts out."""
    pixels = np.zeros((400, 500), np.uint8)
    pixels[50:306, 100:356] = speckle(1, 256, 256)
    return pixels


@pytest.fixture
def source(tmp_path):
    root = write_folder(tmp_path / 'source', 8)
    (root / 'thyroid/001.png').write_bytes(encode_png(screen()))
    return root


@pytest.fixture
def test_set(tmp_path):
    """Two images of the source as JPEG, the second with a screen around it, and a new one."""
    root = tmp_path / 'test_set'
    root.mkdir()
    for name, image in (('a', speckle(0)), ('b', screen())):
        cv2.imwrite(str(root / f'{name}.jpg'), image, [cv2.IMWRITE_JPEG_QUALITY, 95])
    (root / 'c.png').write_bytes(encode_png(speckle(99)))
    (root / 'notes.txt').write_text('x')
    return root


def test_database_against_folder(tmp_path, source, test_set):
    run([source], tmp_path / 'out', tmp_path)
    database, folder = hashed(tmp_path / 'out'), hashed(test_set)
    assert len(database.names) == 8
    assert database.unread == []
    assert folder.unread == ['test_set/notes.txt']
    pairs = find_overlap(database, folder, 24)
    assert {pair.b for pair in pairs} == {'test_set/a.jpg', 'test_set/b.jpg'}
    paths = {row['path'] for row in rows(tmp_path / 'out')}
    assert all(pair.a in paths and pair.bits <= 24 for pair in pairs)


def test_data_root_with_index(tmp_path, test_set):
    write_index(pa.table({'path': ['a.jpg', 'c.png'], 'organ': ['x', 'x']}), test_set / 'index.csv')
    found = hashed(test_set)
    assert set(found.names) == {'a.jpg', 'c.png'}
    pairs = find_overlap(found, found, 0)
    assert {(pair.a, pair.b, pair.bits) for pair in pairs} == {
        ('a.jpg', 'a.jpg', 0),
        ('c.png', 'c.png', 0),
    }


def test_packed_data_root(tmp_path, source, test_set):
    (test_set / 'a.png').write_bytes(encode_png(speckle(0)))
    (test_set / 'b.png').write_bytes(encode_png(screen()))
    names = ['a.png', 'b.png', 'c.png']
    write_index(pa.table({'path': names, 'organ': ['x'] * 3}), test_set / 'index.csv')
    pack(test_set, tmp_path / 'packed')
    found = hashed(tmp_path / 'packed')
    assert set(found.names) == set(names)
    assert found.names == hashed(test_set).names
    np.testing.assert_array_equal(found.hashes, hashed(test_set).hashes)


def test_nothing_compared_is_an_error(tmp_path):
    (tmp_path / 'a.txt').write_text('x')
    with pytest.raises(ValueError, match=f'no image of {tmp_path} could be read .1 files tried'):
        hashed(tmp_path)


def test_bad_files_are_unread(tmp_path, source, monkeypatch):
    """A pipe, which would wait for ever, and a file whose reader has a fault."""
    os.mkfifo(source / 'pipe.png')
    (source / 'odd.dcm').write_bytes(b'x')

    def extract_or_fail(path, options):
        if path.name == 'odd.dcm':
            raise ZeroDivisionError
        return extract(path, options)

    monkeypatch.setattr(overlap, 'extract', extract_or_fail)
    found = hashed(source)
    assert len(set(found.names)) == 8
    assert sorted(found.unread) == ['source/odd.dcm', 'source/pipe.png']


class DeadlyStore(PackedImages):
    """Kills the process that reads a certain image, as a decoder's fault would."""

    def read(self, name):
        if name == 'b.png':
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(name)


def test_a_file_that_kills_its_process_is_unread(tmp_path, test_set, monkeypatch):
    for name, number in (('a.png', 0), ('b.png', 1), ('d.png', 2)):
        (test_set / name).write_bytes(encode_png(speckle(number)))
    names = ['a.png', 'b.png', 'c.png', 'd.png']
    write_index(pa.table({'path': names, 'organ': ['x'] * 4}), test_set / 'index.csv')
    pack(test_set, tmp_path / 'packed')
    whole = hashed(tmp_path / 'packed')
    store = DeadlyStore(tmp_path / 'packed' / PACKED_NAME)
    monkeypatch.setattr(overlap, 'packed_images', lambda source: store)
    found = hash_set(tmp_path / 'packed', Options(), 2, Console(file=io.StringIO()))
    assert found.unread == ['b.png']
    kept = [i for i, name in enumerate(whole.names) if name != 'b.png']
    assert found.names == [whole.names[i] for i in kept]
    np.testing.assert_array_equal(found.hashes, whole.hashes[kept])


def test_tool(tmp_path, source, test_set, capsys):
    out = tmp_path / 'pairs.csv'
    with pytest.raises(SystemExit) as end:
        main([str(source), str(test_set), '--out', str(out), '--workers', '1'])
    assert end.value.code == 1
    lines = out.read_text().splitlines()
    assert lines[0] == 'a,b,bits'
    assert {tuple(line.split(',')[:2]) for line in lines[1:]} == {
        ('source/liver/000.png', 'test_set/a.jpg'),
        ('source/thyroid/001.png', 'test_set/b.jpg'),
    }
    text = capsys.readouterr().out
    assert '2 of B are in A' in text
    assert '3 compared, 1 not read' in text
    assert 'not read: test_set/notes.txt' in text
    other = write_folder(tmp_path / 'other', 3, start=40)
    with pytest.raises(SystemExit) as end:
        main([str(source), str(other), '--out', str(out), '--workers', '1'])
    assert end.value.code == 0
    assert out.read_text() == 'a,b,bits\n'
    with pytest.raises((ValueError, OSError), match='there is no'):
        main([str(source), str(tmp_path / 'nowhere'), '--out', str(out)])
