"""Segmentation measures against set formulas, SciPy and MONAI; the metric on one and two ranks."""

import csv
import math
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.structures import BaseDataElement, PixelData

from support.two_ranks import on_two_ranks

pytest.importorskip('monai')
ndimage = pytest.importorskip('scipy.ndimage')

from usfm_mm.evaluation import PerImageSegMetric
from usfm_mm.evaluation.segmentation import MEASURES, class_measures, require_monai
from usfm_mm.io.image import decode_grey
from usfm_mm.registry import METRICS

CLASSES = ('background', 'liver', 'vein')


def blobs(seed: int, num_classes: int, shape: tuple[int, int] = (40, 56)) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(num_classes, *shape))
    return ndimage.gaussian_filter(noise, (0, 3, 3)).argmax(0)


def reference(truth, prediction, label, ignore_index=255):
    """Measures of one class in float64, by sets of pixels and a distance transform."""
    valid = {tuple(p) for p in np.argwhere(truth != ignore_index)}
    a = {tuple(p) for p in np.argwhere(truth == label)} & valid
    b = {tuple(p) for p in np.argwhere(prediction == label)} & valid
    accuracy = 100 * (len(valid) - len(a ^ b)) / len(valid)
    if not a and not b:
        return dict(DSC=100.0, IoU=100.0, ACC=100.0, SEN=100.0, HD95=0.0)
    if not a or not b:
        return dict(DSC=0.0, IoU=0.0, ACC=accuracy, SEN=0.0, HD95=math.hypot(*truth.shape))
    surfaces = []
    for pixels in (a, b):
        mask = np.zeros(truth.shape, bool)
        mask[tuple(np.array(sorted(pixels)).T)] = True
        padded = np.pad(mask, 1)
        inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
        surfaces.append(mask & ~inner)
    directed = [
        np.percentile(ndimage.distance_transform_edt(~surfaces[1 - n])[surfaces[n]], 95)
        for n in (0, 1)
    ]
    return dict(
        DSC=200 * len(a & b) / (len(a) + len(b)),
        IoU=100 * len(a & b) / len(a | b),
        ACC=accuracy,
        SEN=100 * len(a & b) / len(a),
        HD95=max(directed),
    )


def assert_equals_reference(truth, prediction, num_classes, ignore_index=255):
    measures = class_measures(truth, prediction, num_classes, ignore_index)
    assert list(measures) == list(MEASURES)
    for n in range(1, num_classes):
        expected = reference(truth, prediction, n, ignore_index)
        actual = {name: values[n - 1] for name, values in measures.items()}
        # MONAI's distances and their percentile are float32.
        assert actual.pop('HD95') == pytest.approx(expected.pop('HD95'), rel=1e-5)
        assert actual == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize('num_classes', [2, 3, 6])
@pytest.mark.parametrize('seed', range(4))
def test_random_masks(seed, num_classes):
    truth, prediction = blobs(seed, num_classes), blobs(seed + 100, num_classes)
    prediction[:20] = truth[:20]  # some of it right
    assert_equals_reference(truth, prediction, num_classes)
    ignored = truth.copy()
    ignored[5:15, 10:40] = 255
    assert_equals_reference(ignored, prediction, num_classes)
    assert_equals_reference(np.where(ignored == 255, 77, truth), prediction, num_classes, 77)


def shapes() -> dict[str, np.ndarray]:
    masks = {name: np.zeros((9, 12), np.uint8) for name in ('empty', 'point', 'corner', 'square')}
    masks['full'] = np.ones((9, 12), np.uint8)
    masks['point'][4, 5] = 1
    masks['corner'][0, 0] = 1
    masks['square'][2:7, 3:9] = 1
    return masks


@pytest.mark.parametrize('truth', shapes())
@pytest.mark.parametrize('prediction', shapes())
def test_tiny_empty_and_full_masks(truth, prediction):
    masks = shapes()
    assert_equals_reference(masks[truth], masks[prediction], 2)


def test_known_values():
    masks = shapes()
    values = class_measures(masks['corner'], masks['point'], 2)
    assert values['HD95'][0] == pytest.approx(math.sqrt(41))
    assert [values[name][0] for name in ('DSC', 'IoU', 'SEN')] == [0, 0, 0]
    assert values['ACC'][0] == pytest.approx(100 * 106 / 108)
    # Nothing is there, one pixel is predicted: SEN is 0 by rule, not 0/0.
    values = class_measures(masks['empty'], masks['point'], 2)
    assert [values[name][0] for name in ('DSC', 'IoU', 'SEN', 'HD95')] == [0, 0, 0, 15]
    assert values['ACC'][0] == pytest.approx(100 * 107 / 108)
    # The 95th percentile is not the maximum: one stray pixel of 41 on the surface.
    truth = np.zeros((60, 60), int)
    truth[10:21, 10:21] = 1
    stray = truth.copy()
    stray[50, 50] = 1
    assert class_measures(truth, stray, 2)['HD95'][0] == 0


@pytest.mark.parametrize('seed', range(3))
def test_equals_monai_on_whole_batches(seed):
    monai = require_monai()
    warnings.simplefilter('ignore', FutureWarning)  # MONAI's, of its own call; pytest resets it
    truth, prediction = blobs(seed, 4), blobs(seed + 50, 4)
    hot = [torch.from_numpy(np.eye(4)[mask]).permute(2, 0, 1)[None] for mask in (prediction, truth)]
    measures = class_measures(truth, prediction, 4)
    for name, values in (
        ('DSC', 100 * monai.compute_dice(*hot, include_background=False)),
        ('IoU', 100 * monai.compute_iou(*hot, include_background=False)),
        ('HD95', monai.compute_hausdorff_distance(*hot, percentile=95)),
    ):
        np.testing.assert_allclose(measures[name], values[0].numpy(), rtol=1e-6)


def test_all_ignored_counts_as_empty():
    truth, prediction = np.full((4, 4), 255), np.ones((4, 4), int)
    values = class_measures(truth, prediction, 2)
    assert [values[name][0] for name in MEASURES] == [100, 100, 100, 100, 0]


@pytest.mark.parametrize(
    ('truth', 'prediction', 'message'),
    [
        (
            np.zeros((4, 5), int),
            np.zeros((4, 4), int),
            r'is \(4, 5\) and prediction \(4, 4\)',
        ),
        (np.full((4, 4), 254), np.zeros((4, 4), int), 'truth has labels 254 to 254'),
        (np.zeros((4, 4), int), np.full((4, 4), 2), 'prediction has labels 2 to 2'),
        (np.full((4, 4), -1), np.zeros((4, 4), int), 'truth has labels -1'),
    ],
)
def test_refuses_what_does_not_fit(truth, prediction, message):
    with pytest.raises(ValueError, match=message):
        class_measures(truth, prediction, 2)


def sample(n: int) -> dict:
    truth, prediction = blobs(n, 3), blobs(n + 20, 3)
    prediction[: 6 * n] = truth[: 6 * n]
    if n == 3:
        truth[:] = 0
    return dict(
        img_path=f'images/{n}.png',
        gt_sem_seg=dict(data=torch.from_numpy(truth)[None]),
        pred_sem_seg=dict(data=torch.from_numpy(prediction)[None]),
    )


def evaluate(indices, size, **kwargs):
    metric = METRICS.build(dict(type='usfm_mm.PerImageSegMetric', **kwargs))
    metric.dataset_meta = dict(classes=CLASSES)
    metric.keep_masks = True
    for n in indices:
        metric.process(None, [sample(n)])
    return metric, metric.evaluate(size)


def test_metric_is_the_mean_over_images_of_the_mean_over_classes():
    metric, result = evaluate(range(5), 5)
    expected = {name: [] for name in MEASURES}
    for n in range(5):
        truth, prediction = (
            sample(n)[key]['data'][0].numpy() for key in ('gt_sem_seg', 'pred_sem_seg')
        )
        classes = [reference(truth, prediction, label) for label in (1, 2)]
        for name in MEASURES:
            expected[name].append((classes[0][name] + classes[1][name]) / 2)
    for name in MEASURES:
        assert result[name] == pytest.approx(np.mean(expected[name]), rel=1e-5)
        spread = math.sqrt(np.mean((np.array(expected[name]) - np.mean(expected[name])) ** 2))
        assert result[f'{name}_std'] == pytest.approx(spread, rel=1e-5)
        assert [row[name] for row in metric.per_image] == pytest.approx(expected[name], rel=1e-5)
    assert len(result) == 10
    truth, prediction = (decode_grey(mask) for mask in metric.masks['images/2.png'])
    np.testing.assert_array_equal(truth, sample(2)['gt_sem_seg']['data'][0])
    np.testing.assert_array_equal(prediction, sample(2)['pred_sem_seg']['data'][0])


def test_takes_data_samples_through_an_evaluator():
    """As mmseg's loops pass them, and as objects."""
    objects = []
    for n in range(2):
        raw = sample(n)
        element = BaseDataElement(metainfo=dict(img_path=raw['img_path']))
        for key in ('gt_sem_seg', 'pred_sem_seg'):
            element.set_field(PixelData(data=raw[key]['data']), key)
        objects.append(element)
    evaluator = Evaluator([dict(type='usfm_mm.PerImageSegMetric')])
    evaluator.dataset_meta = dict(classes=CLASSES)
    evaluator.process(objects)
    expected = evaluate(range(2), 2)[1]
    assert evaluator.evaluate(2) == expected
    metric = PerImageSegMetric(num_classes=3)
    metric.process(None, objects)
    assert metric.evaluate(2) == expected


def test_ignored_pixels_are_background_in_kept_masks_and_counts():
    metric = PerImageSegMetric(num_classes=2)
    metric.keep_masks = True
    truth = torch.tensor([[[0, 1, 255, 255]]])
    prediction = torch.tensor([[[1, 1, 1, 0]]])
    pixels = dict(gt_sem_seg=dict(data=truth), pred_sem_seg=dict(data=prediction))
    metric.process(None, [dict(img_path='a.png', **pixels)])
    result = metric.evaluate(1)
    assert result['DSC'] == pytest.approx(200 / 3)
    assert result['ACC'] == pytest.approx(50)
    assert [decode_grey(mask).tolist() for mask in metric.masks['a.png']] == [
        [[0, 1, 0, 0]],
        [[1, 1, 0, 0]],
    ]
    assert (metric.per_image[0]['truth_pixels'], metric.per_image[0]['pred_pixels']) == (1, 2)


def test_table(tmp_path):
    path = tmp_path / 'new' / 'per_image.csv'
    metric, result = evaluate([1, 0, 3], 3, csv_path=str(path))
    assert os.listdir(path.parent) == ['per_image.csv']
    with path.open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['image'] for row in rows] == [f'images/{n}.png' for n in (0, 1, 3)]
    assert np.mean([float(row['DSC']) for row in rows]) == result['DSC']
    for row in rows:
        for name in MEASURES:
            by_class = [float(row[f'{name}_liver']), float(row[f'{name}_vein'])]
            assert float(row[name]) == pytest.approx(np.mean(by_class), rel=1e-12)
    assert rows[2]['truth_pixels'] == '0'
    assert rows[2]['SEN'] == '0.0'
    assert [set(row) for row in rows] == [set(metric.per_image[0])] * 3


def _on_rank(rank, ways, size):
    outcomes = []
    for indices in ways:
        metric, result = evaluate(indices[rank], size)
        outcomes.append((result, metric.per_image, metric.masks))
    return outcomes


def test_two_ranks_equal_one(free_port, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # mmengine gathers through files in the working folder
    ways = [
        ([0, 2, 4], [1, 3, 0]),  # as mmengine's DefaultSampler deals out and pads
        ([0, 1, 2], [3, 4]),  # in blocks, uneven
        ([4, 3, 2, 1, 0], []),
        ([], [0, 1, 2, 3, 4]),
    ]
    metric, expected = evaluate(range(5), 5)
    first, second = on_two_ranks(_on_rank, free_port, ways, 5)
    assert first == [(expected, metric.per_image, metric.masks)] * len(ways)
    assert second == [(expected, [], {})] * len(ways)


def test_bad_samples_are_named():
    metric = PerImageSegMetric(num_classes=3)
    for change, message in (
        (dict(pred_sem_seg=dict(data=torch.zeros(1, 4, 4))), r'images/0\.png: truth is \(40, 56\)'),
        (dict(gt_sem_seg=None), r'images/0\.png: the data sample has no gt_sem_seg'),
        (dict(img_path=None), 'img_path'),
    ):
        with pytest.raises(ValueError, match=message):
            metric.process(None, [{**sample(0), **change}])
    with pytest.raises(ValueError, match='got no image'):
        metric.evaluate(0)


@pytest.mark.parametrize(('count', 'classes'), [(None, None), (1, None), (4, CLASSES)])
def test_number_of_classes_must_be_known(count, classes):
    metric = PerImageSegMetric(num_classes=count)
    metric.dataset_meta = dict(classes=classes) if classes else None
    with pytest.raises(ValueError, match='num_classes is'):
        metric.process(None, [sample(0)])


def test_warns_of_lost_images_and_of_masks_without_foreground(monkeypatch):
    messages = []
    for module in ('per_image', 'per_image_seg'):
        monkeypatch.setattr(
            f'usfm_mm.evaluation.{module}.print_log', lambda text, **_: messages.append(text)
        )
    evaluate([0, 1], 2)
    assert messages == []
    evaluate([0, 1], 3)
    assert '2 different images were evaluated, but the data set lists 3' in messages.pop()
    evaluate([3], 1)
    assert 'no image has foreground' in messages.pop()


def test_missing_monai_names_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, 'monai', None)
    monkeypatch.delitem(sys.modules, 'monai.metrics')
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'usfm-mm\[seg\]'"):
        PerImageSegMetric(num_classes=2)


def test_importing_the_metrics_needs_neither_monai_nor_a_host():
    code = (
        'import sys, usfm_mm.evaluation; '
        "assert not {'monai', 'mmseg', 'mmpretrain', 'sklearn', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, '-c', code], check=True)


def pixels(path, truth, prediction, **more):
    fields = dict(gt_sem_seg=truth, pred_sem_seg=prediction, **more)
    return dict(img_path=path, **{key: dict(data=torch.tensor(x)) for key, x in fields.items()})


def test_an_image_that_is_ignored_as_a_whole_is_left_out_and_said(monkeypatch):
    messages = []
    monkeypatch.setattr(
        'usfm_mm.evaluation.per_image_seg.print_log', lambda text, **_: messages.append(text)
    )
    metric = PerImageSegMetric(num_classes=2)
    nothing, wrong = pixels('a.png', [[255, 255]], [[0, 1]]), pixels('b.png', [[1, 0]], [[0, 0]])
    metric.process(None, [nothing, wrong])
    result = metric.evaluate(2)
    assert result['DSC'] == 0
    assert [row['image'] for row in metric.per_image] == ['b.png']
    assert any('1 of 2 images have no pixel' in text and 'a.png' in text for text in messages)
    metric.process(None, [nothing])
    with pytest.raises(ValueError, match='1 of 1 images have no pixel'):
        metric.evaluate(1)


def test_scores_that_are_no_numbers_are_refused():
    sample = pixels('a.png', [[1, 0]], [[0, 0]], seg_logits=[[[0.0, float('nan')]]])
    with pytest.raises(ValueError, match=r'a\.png: the scores are not finite'):
        PerImageSegMetric(num_classes=2).process(None, [sample])


def test_prefix_and_collect_dir(tmp_path):
    _, plain = evaluate(range(2), 2)
    _, named = evaluate(range(2), 2, prefix='organs', collect_dir=str(tmp_path))
    assert named == {f'organs/{name}': value for name, value in plain.items()}
