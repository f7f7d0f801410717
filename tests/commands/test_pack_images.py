"""Packing and unpacking."""

import csv

import lmdb
import numpy as np
import pyarrow as pa
import pytest

from usfm_mm.commands.pack_images import main
from usfm_mm.curation import pack as packing
from usfm_mm.curation.pack import pack
from usfm_mm.io.image import encode_png, read_grey
from usfm_mm.io.index import read_index, write_index
from usfm_mm.io.packed import PackedImages


@pytest.fixture
def root(tmp_path):
    rng = np.random.default_rng(0)
    paths = [f'liver/{i}.png' for i in range(20)]
    (tmp_path / 'data/liver').mkdir(parents=True)
    for i, path in enumerate(paths):
        image = rng.integers(0, 256, (20 + i, 30), np.uint8)
        (tmp_path / 'data' / path).write_bytes(encode_png(image))
    write_index(pa.table({'path': paths, 'organ': ['liver'] * 20}), tmp_path / 'data/index.parquet')
    return tmp_path / 'data'


def test_there_and_back(root, tmp_path, capsys):
    main(['pack', str(root), '--out', str(tmp_path / 'packed')])
    main(['unpack', str(tmp_path / 'packed'), '--out', str(tmp_path / 'png')])
    assert '20 images, 0 bad, unpacked' in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / 'packed').iterdir()) == [
        'images.lmdb',
        'index.parquet',
    ]
    store = PackedImages(tmp_path / 'packed/images.lmdb')
    for path in read_index(tmp_path / 'png')['path'].to_pylist():
        image = read_grey(root / path)
        np.testing.assert_array_equal(store.read(path), image)
        assert (tmp_path / 'png' / path).read_bytes() == (root / path).read_bytes()


def test_goes_on_where_it_was_stopped(root, monkeypatch):
    monkeypatch.setattr(packing, '_CHUNK', 4)
    read, put, done = [], packing.put_packed, []

    def stop_in_third_chunk(env, items):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(len(items))
        put(env, items)

    def counting(path, bits):
        read.append(path)
        return read_grey(path, bits)

    monkeypatch.setattr(packing, 'put_packed', stop_in_third_chunk)
    with pytest.raises(KeyboardInterrupt):
        pack(root, root)
    assert not (root / 'images.lmdb').exists()
    monkeypatch.setattr(packing, 'put_packed', put)
    monkeypatch.setattr(packing, 'read_grey', counting)
    pack(root, root)
    assert len(read) == 12  # 20 less the two chunks stored
    assert len(PackedImages(root / 'images.lmdb')) == 20
    assert not list(root.glob('*.part*'))


def test_unpacking_keeps_files_that_are_there(root, tmp_path):
    pack(root, root)
    (tmp_path / 'png/liver').mkdir(parents=True)
    (tmp_path / 'png/liver/3.png').write_bytes(b'mine')
    main(['unpack', str(root), '--out', str(tmp_path / 'png')])
    assert (tmp_path / 'png/liver/3.png').read_bytes() == b'mine'
    assert len(list((tmp_path / 'png/liver').iterdir())) == 20


def test_map_grows(root, monkeypatch):
    real = lmdb.open
    with monkeypatch.context() as patch:
        patch.setattr(
            lmdb, 'open', lambda path, subdir, map_size: real(path, subdir=subdir, map_size=1 << 15)
        )
        pack(root, root)
    assert len(PackedImages(root / 'images.lmdb')) == 20


def test_bad_images_are_listed(root, capsys):
    (root / 'liver/3.png').unlink()
    main(['pack', str(root)])
    assert list(csv.reader((root / 'bad_images_packing.csv').open())) == [
        ['path', 'reason'],
        ['liver/3.png', 'file is missing'],
    ]
    assert '19 images, 1 bad' in capsys.readouterr().out


@pytest.mark.parametrize(
    ('name', 'direction', 'message'),
    [('x' * 600 + '.png', 'pack', '511 bytes'), ('liver/1.jpg', 'unpack', 'unpacked as PNG')],
)
def test_names_that_cannot_be(root, name, direction, message):
    pack(root, root)
    write_index(pa.table({'path': [name], 'organ': ['liver']}), root / 'index.parquet')
    with pytest.raises((ValueError, OSError), match=message):
        main([direction, str(root), '--out', str(root / 'out')])


def test_errors(root):
    with pytest.raises((ValueError, OSError), match='no packed images'):
        main(['unpack', str(root), '--out', str(root / 'x')])
    with pytest.raises((ValueError, OSError), match='no index'):
        main(['pack', str(root / 'liver')])
