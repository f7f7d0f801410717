"""Classification measures against scikit-learn, the bootstrap against SciPy's."""

import csv
import warnings

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator

from support.two_ranks import on_two_ranks

metrics = pytest.importorskip('sklearn.metrics')

from usfm_mm.evaluation import BootstrapClsMetric
from usfm_mm.evaluation.classification import (
    MEASURES,
    bootstrap_std,
    class_scores,
    confusion_matrix,
)
from usfm_mm.registry import METRICS

CLASSES = ('benign', 'malignant', 'normal')


def sklearn_scores(truth, prediction):
    macro = dict(average='macro', zero_division=0)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of a single class
        return 100 * np.array(
            [
                metrics.accuracy_score(truth, prediction),
                metrics.recall_score(truth, prediction, **macro),
                metrics.precision_score(truth, prediction, **macro),
                metrics.f1_score(truth, prediction, **macro),
                metrics.matthews_corrcoef(truth, prediction),
            ]
        )


@pytest.mark.parametrize('num_classes', [2, 3, 7])
@pytest.mark.parametrize('count', [1, 2, 5, 300])
def test_random_labels_equal_sklearn(num_classes, count):
    rng = np.random.default_rng(num_classes * count)
    matrices, expected = [], []
    for _ in range(20):
        truth = rng.integers(0, num_classes, count)
        prediction = np.where(rng.random(count) < 0.6, truth, rng.integers(0, num_classes, count))
        matrices.append(confusion_matrix(truth, prediction, num_classes))
        np.testing.assert_array_equal(
            matrices[-1], metrics.confusion_matrix(truth, prediction, labels=range(num_classes))
        )
        expected.append(sklearn_scores(truth, prediction))
    np.testing.assert_allclose(class_scores(np.stack(matrices)), expected, atol=1e-10)


@pytest.mark.parametrize(
    ('truth', 'prediction', 'known'),
    [
        ([1, 1, 1], [1, 1, 1], [100, 100, 100, 100, 0]),  # one class, all right
        ([1, 1, 1], [2, 2, 2], [0, 0, 0, 0, 0]),
        ([1, 1, 1, 1], [1, 1, 1, 2], [75, 37.5, 50, 300 / 7, 0]),  # one class in the truth
        ([0, 1, 2, 2], [2, 2, 2, 2], [50, 100 / 3, 50 / 3, 200 / 9, 0]),  # one is predicted
        ([0, 2, 0, 2], [0, 2, 0, 2], [100, 100, 100, 100, 100]),  # class 1 doesn't occur
        ([0, 2], [2, 0], [0, 0, 0, 0, -100]),
    ],
)
def test_degenerate_labels(truth, prediction, known):
    scores = class_scores(confusion_matrix(truth, prediction, 3))
    np.testing.assert_allclose(scores, known, atol=1e-10)
    np.testing.assert_allclose(scores, sklearn_scores(truth, prediction), atol=1e-10)


def test_labels_outside_the_classes():
    with pytest.raises(ValueError, match='labels are 0 to 3'):
        confusion_matrix([0, 1], [0, 3], 3)


def test_bootstrap_equals_scipy():
    stats = pytest.importorskip('scipy.stats')
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 120)
    prediction = np.where(rng.random(120) < 0.7, truth, rng.integers(0, 3, 120))

    def statistic(images, axis=-1):
        counts = (images[..., None] == np.arange(9)).sum(-2)  # over the resampled images
        return np.moveaxis(class_scores(counts.reshape(*counts.shape[:-1], 3, 3)), -1, 0)

    expected = stats.bootstrap(
        (truth * 3 + prediction,),
        statistic,
        n_resamples=4000,
        vectorized=True,
        batch=500,
        method='percentile',
        rng=np.random.default_rng(1),
    ).standard_error
    std = bootstrap_std(confusion_matrix(truth, prediction, 3), 4000, seed=2)
    # The relative error of a standard deviation of 4,000 draws is 1.1 %, of two of them 1.6 %.
    np.testing.assert_allclose(std, expected, rtol=0.06)
    # Of ACC it is known.
    accuracy = (truth == prediction).mean()
    known = 100 * np.sqrt(accuracy * (1 - accuracy) / 120)
    assert std[0] == pytest.approx(known, rel=0.05)


def test_bootstrap_is_seeded_and_leaves_the_global_generator_alone():
    confusion = np.array([[20, 5], [3, 30]])
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    first = bootstrap_std(confusion, 100, seed=1)
    np.testing.assert_array_equal(first, bootstrap_std(confusion, 100, seed=1))
    assert (first != bootstrap_std(confusion, 100, seed=2)).all()
    np.testing.assert_array_equal(before, np.random.get_state()[1])


def sample(n: int) -> dict:
    scores = torch.from_numpy(np.random.default_rng(n).dirichlet([1, 1, 1])).float()
    return dict(img_path=f'images/{n}.png', gt_label=torch.tensor([n % 3]), pred_score=scores)


def labels(count: int) -> tuple[list[int], list[int]]:
    samples = [sample(n) for n in range(count)]
    return [int(s['gt_label']) for s in samples], [int(s['pred_score'].argmax()) for s in samples]


def evaluate(indices, size, **kwargs):
    metric = METRICS.build(dict(type='usfm_mm.BootstrapClsMetric', **kwargs))
    metric.dataset_meta = dict(classes=CLASSES)
    for n in indices:
        metric.process(None, [sample(n)])
    return metric, metric.evaluate(size)


def test_metric_equals_sklearn():
    metric, result = evaluate(range(30), 30, num_bootstraps=50, seed=3)
    truth, prediction = labels(30)
    assert 0 < result['ACC'] < 100
    np.testing.assert_allclose(
        [result[name] for name in MEASURES], sklearn_scores(truth, prediction), atol=1e-10
    )
    confusion = metrics.confusion_matrix(truth, prediction)
    np.testing.assert_array_equal(metric.confusion, confusion)
    stds = bootstrap_std(confusion, 50, 3)
    assert [result[f'{name}_std'] for name in MEASURES] == stds.tolist()
    assert len(result) == 12  # AUC and AP, which have no deviation


def test_takes_mmpretrain_data_samples():
    structures = pytest.importorskip('mmpretrain.structures')
    samples = []
    for n in range(4):
        raw = sample(n)
        data_sample = structures.DataSample(metainfo=dict(img_path=raw['img_path']))
        data_sample.set_gt_label(int(raw['gt_label'])).set_pred_score(raw['pred_score'])
        data_sample.set_pred_label(raw['pred_score'].argmax(0, keepdim=True))
        samples.append(data_sample)
    evaluator = Evaluator([dict(type='usfm_mm.BootstrapClsMetric')])
    evaluator.dataset_meta = dict(classes=CLASSES)
    evaluator.process(samples)
    expected = evaluate(range(4), 4)[1]
    assert evaluator.evaluate(4) == expected
    metric = BootstrapClsMetric()
    metric.process(None, samples)
    assert metric.evaluate(4) == expected
    for several in ([0, 2], [1]):  # one of several labels may be set
        data_sample.set_gt_label(several)
        data_sample.set_gt_score(torch.tensor([1.0, 0.0, 1.0]))
        with pytest.raises(ValueError, match=r'images/3\.png: .*one label per image'):
            metric.process(None, [data_sample])


def test_table(tmp_path):
    path = tmp_path / 'new' / 'per_image.csv'
    metric, _ = evaluate(reversed(range(7)), 7, csv_path=path)
    with path.open(newline='') as file:
        rows = list(csv.DictReader(file))
    truth, prediction = labels(7)
    assert [row['image'] for row in rows] == [f'images/{n}.png' for n in range(7)]
    assert [row['truth'] for row in rows] == [CLASSES[n] for n in truth]
    assert [row['prediction'] for row in rows] == [CLASSES[n] for n in prediction]
    for n, row in enumerate(rows):
        scores = [float(row[f'score_{name}']) for name in CLASSES]
        assert scores == sample(n)['pred_score'].tolist()
        assert float(row['score']) == max(scores)
    assert list(rows[0]) == list(metric.per_image[0])


def _on_rank(rank, ways, size):
    outcomes = []
    for indices in ways:
        metric, result = evaluate(indices[rank], size)
        outcomes.append((result, metric.per_image))
    return outcomes


def test_two_ranks_equal_one(free_port, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ways = [([0, 2, 4], [1, 3, 0]), ([0, 1, 2, 3], [4]), ([], [4, 3, 2, 1, 0])]
    metric, expected = evaluate(range(5), 5)
    first, second = on_two_ranks(_on_rank, free_port, ways, 5)
    assert first == [(expected, metric.per_image)] * len(ways)
    assert second == [(expected, [])] * len(ways)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(gt_label=torch.tensor([0, 2])), r'images/0\.png: .*one label per image.*\[0, 2\]'),
        (dict(gt_label=None), 'has no gt_label'),
        (dict(pred_score=None), 'has no pred_score'),
        (dict(gt_label=torch.tensor([3])), 'label 3, but the model has 3 classes'),
        (dict(img_path=None), 'img_path'),
        (
            dict(pred_score=torch.tensor([0.2, float('nan'), 0.1])),
            r'images/0\.png: the scores are not finite',
        ),
    ],
)
def test_bad_samples_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        BootstrapClsMetric().process(None, [{**sample(0), **change}])


def test_numbers_that_cannot_be(monkeypatch):
    with pytest.raises(ValueError, match='at least 2'):
        BootstrapClsMetric(num_bootstraps=1)
    metric = BootstrapClsMetric()
    metric.dataset_meta = dict(classes=CLASSES[:2])
    metric.process(None, [sample(0)])
    with pytest.raises(ValueError, match='scores 3 classes, but the data set names 2'):
        metric.evaluate(1)


def test_warns_of_classes_that_do_not_occur(monkeypatch):
    messages = []
    monkeypatch.setattr(
        'usfm_mm.evaluation.bootstrap_cls.print_log', lambda text, **_: messages.append(text)
    )
    evaluate(range(3), 3)
    assert messages == []
    result = evaluate([0, 3, 6], 3)[1]
    assert 'no image is of class malignant, normal' in messages[0]
    assert 'MCC is 0' in messages[0]
    assert result['MCC'] == 0


def test_the_spread_over_resamples_is_the_sample_s(monkeypatch):
    """Two resamples tell ddof 1 (their distance / sqrt 2) from ddof 0 (their distance / 2)."""
    draws = np.array([[[3, 1], [1, 3]], [[4, 0], [2, 2]]])
    confusion = np.array([[3, 1], [1, 3]])

    class Generator:
        def multinomial(self, total, shares, size):
            return draws.reshape(2, 4)

    monkeypatch.setattr(np.random, 'default_rng', lambda seed: Generator())
    first, second = class_scores(draws)
    expected = np.abs(first - second) / np.sqrt(2)
    np.testing.assert_allclose(bootstrap_std(confusion, 2, 0), expected)


def test_prefix_and_collect_dir(tmp_path):
    plain = evaluate(range(3), 3)[1]
    named = evaluate(range(3), 3, prefix='busi', collect_dir=str(tmp_path))[1]
    assert named == {f'busi/{name}': value for name, value in plain.items()}
