import multiprocessing
import os
import pickle

import lmdb
import numpy as np
import pytest

from usfm_mm.datasets.image_io import BadImageError
from usfm_mm.datasets.packed import PackedImages, decode_packed, encode_packed


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
    with pytest.raises(FileNotFoundError, match='pack_images.py'):
        PackedImages(tmp_path / 'none.lmdb').read('a')


def _child(packed, queue):
    queue.put((os.getpid(), packed.read('ö/2.png').sum(), packed._pid))


@pytest.mark.parametrize('method', ['fork', 'spawn'])
def test_other_processes_open_their_own(store, method):
    packed, images = store
    packed.read('ö/1.png')
    context = multiprocessing.get_context(method)
    queue = context.SimpleQueue()
    process = context.Process(target=_child, args=(packed, queue))
    process.start()
    pid, total, opened_by = queue.get()
    process.join()
    assert pid == opened_by != os.getpid() and total == images['ö/2.png'].sum()


def test_pickled_store_is_closed(store):
    packed, images = store
    packed.read('ö/1.png')
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(packed)).read('ö/3.png'),
                                  images['ö/3.png'])
