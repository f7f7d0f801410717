"""Files of features, and what is nearest in them."""

import numpy as np
import pytest

from usfm_mm.inference.features import FeatureTable, nearest, read_features, write_features

VECTORS = np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32)


@pytest.mark.parametrize('name', ['a.parquet', 'a.npz'])
def test_files_give_back_what_was_written(tmp_path, name):
    sources = ['ä.png', 'b.dcm', 'b.dcm', 'c', 'd']
    table = FeatureTable(VECTORS, sources, [0, 0, 1, 0, 0], dict(model='f00'))
    write_features(tmp_path / name, table)
    found = read_features(tmp_path / name)
    np.testing.assert_array_equal(found.vectors, VECTORS)
    assert (found.sources, found.numbers, found.about) == (sources, [0, 0, 1, 0, 0], table.about)


def test_nearest_by_cosine():
    table = FeatureTable(VECTORS, list('abcde'), [0] * 5)
    [found] = nearest(table, VECTORS[2:3], k=9)
    exact = VECTORS.astype(np.float64)
    standard = (exact - exact.mean(axis=0)) / exact.std(axis=0)
    standard /= np.linalg.norm(standard, axis=1, keepdims=True)
    cosines = standard @ standard[2]
    assert [one.source for one in found] == [list('abcde')[n] for n in np.argsort(-cosines)]
    assert found[0].cosine == pytest.approx(1)
    assert [one.cosine for one in found] == pytest.approx(sorted(cosines, reverse=True))


def test_bad_input(tmp_path):
    table = FeatureTable(VECTORS, list('abcde'), [0] * 5)
    with pytest.raises(ValueError, match='same model'):
        nearest(table, VECTORS[:, :4], k=1)
    with pytest.raises(ValueError, match=r'\.parquet or \.npz'):
        write_features(tmp_path / 'a.csv', table)
    with pytest.raises(FileNotFoundError, match='gone'):
        read_features(tmp_path / 'gone.npz')
    for name in ('a.npz', 'a.parquet'):
        (tmp_path / name).write_bytes(b'text')
        with pytest.raises(ValueError, match='extract-features'):
            read_features(tmp_path / name)
