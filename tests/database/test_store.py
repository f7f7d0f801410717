"""Where the images go."""

import errno

import numpy as np
import pytest

from support.made_up import content, speckle
from usfm_mm.database.store import (
    OutputError,
    PackedStore,
    image_path,
    remove_strays,
    write_png,
)
from usfm_mm.io import atomic
from usfm_mm.io.image import read_grey
from usfm_mm.io.packed import PackedImages

NAMES = [bytes([i]) * 16 for i in range(5)]


def kept(*names):
    return np.array(sorted(name.hex() for name in names), 'S32')


def test_png_is_whole_or_not_there(tmp_path, monkeypatch):
    write_png(tmp_path, NAMES[1], speckle(0))
    path = tmp_path / image_path(NAMES[1])
    assert path.relative_to(tmp_path).as_posix() == f'images/010/{"01" * 16}.png'
    np.testing.assert_array_equal(read_grey(path), speckle(0))

    def full(*_):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(atomic.os, 'replace', full)
    with pytest.raises(OutputError, match='No space left'):
        write_png(tmp_path, NAMES[2], speckle(0))
    assert list(content(tmp_path)) == [f'images/010/{"01" * 16}.png']


def test_strays_are_removed(tmp_path):
    for name in NAMES:
        write_png(tmp_path, name, speckle(0))
    (tmp_path / 'images/010/.half.tmp').write_bytes(b'x')
    (tmp_path / 'images/odd').write_bytes(b'x')
    (tmp_path / '.index.parquet.0123abcd.tmp').write_bytes(b'x')
    remove_strays(tmp_path, kept(NAMES[0], NAMES[3]))
    assert list(content(tmp_path)) == [image_path(NAMES[0]), image_path(NAMES[3])]
    assert sorted(path.name for path in (tmp_path / 'images').iterdir()) == ['000', '030']


def test_packed_store_keeps_what_it_is_told(tmp_path):
    with PackedStore(tmp_path) as store:
        store.put([(name, speckle(i)) for i, name in enumerate(NAMES)])
        (tmp_path / '.report.html.0123abcd.tmp').write_bytes(b'x')
        store.keep_only(kept(NAMES[1], NAMES[4]))
        np.testing.assert_array_equal(store.read(image_path(NAMES[4])), speckle(4))
    assert list(content(tmp_path)) == ['images.lmdb']
    images = PackedImages(tmp_path / 'images.lmdb')
    assert len(images) == 2
    np.testing.assert_array_equal(images.read(image_path(NAMES[1])), speckle(1))
