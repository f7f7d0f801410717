"""How features are compared, by numbers, and what a few of them or constant ones do."""

import numpy as np
import pytest
import torch

from usfm_mm.inference.feature_space import check_kind, comparable, kind_of
from usfm_mm.inference.features import FeatureTable, nearest
from usfm_mm.models.pooling import pool_map


def test_equal_to_scikit_learns_scaler_and_normaliser():
    preprocessing = pytest.importorskip('sklearn.preprocessing')
    rng = np.random.default_rng(0)
    among, asked = (rng.normal(5, [1, 10, 0.1, 3], (n, 4)).astype(np.float32) for n in (40, 7))
    scaler = preprocessing.StandardScaler().fit(among.astype(np.float64))
    expected = preprocessing.normalize(scaler.transform(asked.astype(np.float64)))
    np.testing.assert_allclose(comparable(asked, among), expected, rtol=1e-6)


def test_scale_and_offset_of_a_dimension_do_not_count():
    rng = np.random.default_rng(1)
    among, asked = rng.normal(size=(30, 5)), rng.normal(size=(4, 5))
    scale, offset = np.array([1, 1e3, 1e-3, 7, 1]), np.array([1e3, 0, 0, -5, 0])
    moved = comparable(asked * scale + offset, among * scale + offset)
    np.testing.assert_allclose(moved, comparable(asked, among), rtol=1e-6)


def test_loud_dimensions_that_tell_nothing_no_longer_decide():
    """Noise in the first three, what the picture shows in the others."""
    rng = np.random.default_rng(2)
    kind = np.arange(60) % 2
    quiet = (2 * kind - 1)[:, None] + rng.normal(0, 0.3, (60, 8))
    vectors = np.column_stack([rng.normal(0, 100, (60, 3)), quiet]).astype(np.float32)
    table = FeatureTable(vectors, [str(n) for n in kind], [0] * 60)
    found = nearest(table, vectors, k=6)  # the first of them is the row itself
    right = [n.source == str(own) for own, row in zip(kind, found, strict=True) for n in row[1:]]
    assert np.mean(right) > 0.98
    plain = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    order = np.argsort(-plain @ plain.T, axis=1)[:, 1:6]
    assert (kind[order] == kind[:, None]).mean() < 0.85


def test_few_or_constant_vectors_give_numbers():
    two = np.array([[3.0, 4.0], [0.0, 2.0]])
    np.testing.assert_allclose(comparable(two, two[:1]), [[0.6, 0.8], [0, 1]])
    np.testing.assert_allclose(comparable(two, two), [[0.6, 0.8], [0, 1]])
    same = np.tile([3.0, 4.0], (12, 1))  # as when one picture is listed twelve times
    np.testing.assert_allclose(comparable(same, same), np.tile([0.6, 0.8], (12, 1)))
    np.testing.assert_allclose(comparable(two, same), [[0.6, 0.8], [0, 1]])


def test_what_is_no_number_is_named():
    vectors = np.random.default_rng(3).normal(size=(5, 4)).astype(np.float32)
    table = FeatureTable(vectors.copy(), [f'{n}.png' for n in range(5)], [0, 1, 2, 3, 4])
    with pytest.raises(ValueError, match='features asked for are not finite: the model is broken'):
        nearest(table, np.full((1, 4), np.nan), k=1)
    table.vectors[3, 2] = np.inf
    with pytest.raises(ValueError, match=r'features of 3\.png, frame 3, are not finite: extract'):
        nearest(table, vectors[:1], k=1)


def test_pooling_against_numpy_and_what_is_no_kind():
    maps = torch.randn(3, 5, 4, 6, generator=torch.Generator().manual_seed(0))
    tokens = maps.double().flatten(2).numpy()
    expected = np.concatenate([tokens.mean(2), tokens.std(2)], axis=1)
    np.testing.assert_allclose(pool_map(maps).numpy(), expected, atol=1e-6)
    np.testing.assert_allclose(pool_map(maps, 'mean').numpy(), expected[:, :5], atol=1e-6)
    assert pool_map(maps.bfloat16()).dtype == torch.float32
    with pytest.raises(ValueError, match="features='cls'"):
        check_kind('cls')
    assert kind_of({'features': 'mean+std'}) == 'mean+std'
