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
    found = classifier_features(Model(), [batch(maps), batch([[5.0, 6.0]], 2)])
    assert found.features.tolist() == [[0.5, 2.5], [4.5, 6.5], [5.0, 6.0]]
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
    """Cosine distances 1 - cos: 0.2, 0.4 and 1, of which the nearest two vote by 1 / distance."""
    train = LabelledFeatures(np.array([[4.0, 3], [3, -4], [0, 5]]), np.array([2, 0, 0]), [])
    question = np.array([[1.0, 0]])
    np.testing.assert_allclose(knn_scores(train, question, 4, k=2), [[1 / 3, 0, 2 / 3, 0]])
    np.testing.assert_allclose(knn_scores(train, question, 3, k=3), [[3.5 / 8.5, 0, 5 / 8.5]])
    for k in (0, 4):
        with pytest.raises(ValueError, match=f'between 1 and the 3 training images, got {k}'):
            knn_scores(train, question, 3, k)
