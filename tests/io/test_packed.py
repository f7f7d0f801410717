"""The packed store."""

import multiprocessing
import pickle

import lmdb
import numpy as np
import pytest

from usfm_mm.io.image import BadImageError
from usfm_mm.io.packed import (
    PackedImages,
    decode_packed,
    encode_packed,
    packed_images,
    put_packed,
)


@pytest.fixture
def store(tmp_path):
    path = str(tmp_path / 'images.lmdb')
    images = {f'ö/{i}.png': np.full((3 + i, 5), i, np.uint8) for i in range(4)}
    with lmdb.open(path, subdir=False, map_size=1 << 20) as env, env.begin(write=True) as write:
        for name, image in images.items():
            write.put(name.encode(), encode_packed(image))
        write.put(b'short', encode_packed(images['ö/0.png'])[:-1])
    return PackedImages(path), images


def test_read_pixels_that_may_be_written(store):
    packed, images = store
    assert len(packed) == 5
    for name, image in images.items():
        found = packed.read(name)
        np.testing.assert_array_equal(found, image)
        found += 1
        np.testing.assert_array_equal(packed.read(name), image)


def test_missing_and_damaged(store, tmp_path):
    packed, _ = store
    with pytest.raises(BadImageError, match='not in the packed store'):
        packed.read('none')
    with pytest.raises(BadImageError, match='22 bytes, not those of 3x5'):
        packed.read('short')
    with pytest.raises(BadImageError, match='no header'):
        decode_packed(b'123')
    with pytest.raises(FileNotFoundError, match='usfm pack'):
        PackedImages(tmp_path / 'none.lmdb').read('a')


def _child(packed, connection):
    connection.send(int(packed.read('ö/2.png').sum()))


@pytest.mark.parametrize('method', ['fork', 'spawn'])
def test_other_processes_open_their_own(store, method):
    packed, images = store
    packed.read('ö/1.png')
    context = multiprocessing.get_context(method)
    here, there = context.Pipe()
    process = context.Process(target=_child, args=(packed, there))
    process.start()
    there.close()  # so that a child that fails ends the wait
    total = here.recv()
    process.join()
    assert total == images['ö/2.png'].sum()
    assert process.exitcode == 0
    np.testing.assert_array_equal(packed.read('ö/3.png'), images['ö/3.png'])


def test_two_readers_in_one_process(store):
    packed, images = store
    packed.read('ö/1.png')
    np.testing.assert_array_equal(PackedImages(packed.path).read('ö/2.png'), images['ö/2.png'])


def test_pickled_store(store):
    packed, images = store
    packed.read('ö/1.png')
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(packed)).read('ö/3.png'), images['ö/3.png']
    )


def test_shards_of_one_root(tmp_path):
    """The first folder of a path says in which store an image is; one store for all comes first."""
    assert packed_images(tmp_path) is None
    images = {}
    for i, folder in enumerate(('shard_0001', 'shard_0002', 'other')):
        images[folder] = np.full((2, 3), i, np.uint8)
        (tmp_path / folder).mkdir()
        with lmdb.open(str(tmp_path / folder / 'images.lmdb'), subdir=False) as env:
            put_packed(env, [(b'images/a.png', encode_packed(images[folder]))])
    store = pickle.loads(pickle.dumps(packed_images(tmp_path)))
    assert len(store) == 2
    for folder in ('shard_0001', 'shard_0002'):
        assert np.array_equal(store.read(f'{folder}/images/a.png'), images[folder])
    with pytest.raises(BadImageError, match='shard_0001/images.lmdb'):
        store.read('shard_0001/images/b.png')
    with pytest.raises(FileNotFoundError, match='shard_0003/images.lmdb'):
        store.read('shard_0003/images/a.png')
    (tmp_path / 'images.lmdb').touch()
    assert packed_images(tmp_path).path == str(tmp_path / 'images.lmdb')
