"""Features as a classifier's head sees them, and the votes of neighbours by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

pytest.importorskip('sklearn')
from usfm_mm.evaluation.knn import LabelledFeatures, classifier_features, knn_scores


class Model:
    """Gives each batch as its own features."""

    def data_preprocessor(self, data, training):
        return data

    def extract_feat(self, inputs):
        return torch.zeros(len(inputs), 1), inputs


def batch(features, first=0):
    samples = [SimpleNamespace(gt_label=n, img_path=f'{n}.png') for n in range(first, 99)]
    return dict(inputs=torch.tensor(features), data_samples=samples[: len(features)])


def test_the_last_features_in_order():
    maps = torch.arange(8.0).reshape(2, 2, 2, 1).tolist()
    found = classifier_features(Model(), [batch(maps), batch([[5.0, 6.0, 7.0, 8.0]], 2)])
    assert found.features.tolist() == [[0.5, 2.5, 0.5, 0.5], [4.5, 6.5, 0.5, 0.5], [5, 6, 7, 8]]
    assert found.labels.tolist() == [0, 1, 2]
    assert found.paths == ['0.png', '1.png', '2.png']


@pytest.mark.parametrize(
    ('batches', 'message'),
    [
        ([], 'no images'),
        ([batch([[[1.0]]])], r'features \(1, 1, 1\)'),
        ([batch([[1.0]]), batch([[1.0], [float('nan')]], 1)], '1.png .* diverge'),
        ([batch([[float('inf')]])], '0.png .* diverge'),
    ],
)
def test_what_is_refused(batches, message):
    with pytest.raises(ValueError, match=message):
        classifier_features(Model(), batches)


def test_votes_by_hand():
    """Cosine distances 1 - cos: 0.2, 0.4, 1.6 and 1.8, of which the nearest vote by 1 / distance.

    Both dimensions spread alike about 0, before each gets an offset and a scale of its own, which
    must not count.
    """
    offset, scale = np.array([1e3, 7.0]), np.array([5.0, 1e-3])
    among = np.array([[4.0, 3], [3, -4], [-3, 4], [-4, -3]]) * scale + offset
    train = LabelledFeatures(among, np.array([2, 0, 1, 1]), [])
    question = np.array([[1.0, 0]]) * scale + offset
    np.testing.assert_allclose(knn_scores(train, question, 4, k=2), [[1 / 3, 0, 2 / 3, 0]])
    votes = np.array([[1 / 0.4, 1 / 1.6, 1 / 0.2]])
    np.testing.assert_allclose(knn_scores(train, question, 3, k=3), votes / votes.sum())
    for k in (0, 5):
        with pytest.raises(ValueError, match=f'between 1 and the 4 training images, got {k}'):
            knn_scores(train, question, 3, k)
