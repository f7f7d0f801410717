"""HD95 and areas in mm: analytic shapes, SciPy's distances, and images of unknown pixel size."""

import csv
import math

import numpy as np
import pytest
import torch

pytest.importorskip('monai')
ndimage = pytest.importorskip('scipy.ndimage')

from usfm_mm.evaluation import PerImageSegMetric
from usfm_mm.evaluation.segmentation import MEASURES, class_measures
from usfm_mm.io.spacing import SPACING_FILE, read_spacing, write_spacing

SPACING = (0.5, 0.2)  # height and width of a pixel


def lines(*rows):
    mask = np.zeros((40, 60), np.uint8)
    mask[list(rows)] = 1
    return mask


def hd95(truth, prediction, spacing=SPACING):
    return class_measures(truth, prediction, 2, spacing=spacing)['HD95_mm'][0]


def test_distances_that_can_be_told_by_hand():
    assert hd95(lines(5), lines(12)) == pytest.approx(7 * 0.5)
    assert hd95(lines(5).T, lines(12).T) == pytest.approx(7 * 0.2)
    one, other = np.zeros((2, 40, 60), np.uint8)
    one[3, 4], other[9, 20] = 1, 1
    assert hd95(one, other) == pytest.approx(math.hypot(6 * 0.5, 16 * 0.2))
    nothing = np.zeros_like(one)
    assert hd95(one, nothing) == pytest.approx(math.hypot(40 * 0.5, 60 * 0.2))
    assert hd95(nothing, nothing) == 0


def test_discs_in_mm_whatever_the_pixels():
    """Discs of 6 and 8 mm about one centre: no point of an edge is 2 mm from the other by less."""
    y, x = np.mgrid[:80, :200]
    radius = np.hypot((y - 40) * 0.5, (x - 100) * 0.2)
    distance = hd95((radius < 6).astype(np.uint8), (radius < 8).astype(np.uint8))
    assert distance == pytest.approx(2, abs=0.5)  # a pixel's height


@pytest.mark.parametrize('seed', range(3))
def test_equals_distance_transform_of_scipy(seed):
    noise = np.random.default_rng(seed).normal(size=(2, 40, 56))
    masks = ndimage.gaussian_filter(noise, (0, 3, 3)) > 0
    surfaces = [m & ~ndimage.binary_erosion(m) for m in masks]
    away = [ndimage.distance_transform_edt(~s, sampling=SPACING) for s in surfaces]
    expected = max(np.percentile(away[1 - n][surfaces[n]], 95) for n in (0, 1))
    measures = class_measures(*masks.astype(int), 2, spacing=SPACING)
    assert measures['HD95_mm'][0] == pytest.approx(expected, rel=1e-5)
    in_pixels = class_measures(*masks.astype(int), 2)
    assert list(in_pixels) == list(MEASURES)
    assert measures['HD95'] == in_pixels['HD95']
    scaled = class_measures(*masks.astype(int), 2, spacing=(0.25, 0.25))
    assert scaled['HD95_mm'] == pytest.approx(in_pixels['HD95'] / 4, rel=1e-6)


def evaluate(folder, names, ori_shape=None, csv_path=None):
    metric = PerImageSegMetric(num_classes=2, csv_path=csv_path)
    for number, name in enumerate(names):
        fields = dict(gt_sem_seg=lines(5), pred_sem_seg=lines(6 + number, 7 + number))
        sample = {key: dict(data=torch.from_numpy(mask)[None]) for key, mask in fields.items()}
        sample.update(img_path=str(folder / 'images' / f'{name}.png'), ori_shape=ori_shape)
        metric.process(None, [sample])
    return metric, metric.evaluate(len(names))


def test_table_and_summary_have_mm_where_they_are_known(tmp_path):
    write_spacing(tmp_path, {'a': SPACING, 'b': (0.1, 0.1)})
    metric, result = evaluate(tmp_path, 'abc', csv_path=tmp_path / 'per_image.csv')
    with (tmp_path / 'per_image.csv').open(newline='') as file:
        a, b, c = csv.DictReader(file)
    # The prediction's two lines are 1 and 2 rows away, of b 2 and 3: half of its pixels each.
    assert float(a['HD95']) == pytest.approx(2)
    assert float(a['HD95_mm']) == float(a['HD95_mm_class_1']) == pytest.approx(1.0)
    assert float(b['HD95_mm']) == pytest.approx(0.3)
    assert float(a['truth_mm2']) == pytest.approx(60 * 0.5 * 0.2)
    assert float(a['pred_mm2']) == pytest.approx(120 * 0.5 * 0.2)
    assert float(b['pred_mm2']) == pytest.approx(120 * 0.01)
    assert [c[k] for k in ('HD95_mm', 'HD95_mm_class_1', 'truth_mm2', 'pred_mm2')] == [''] * 4
    assert result['HD95_mm'] == pytest.approx((1.0 + 0.3) / 2)
    assert result['HD95_mm_std'] == pytest.approx((1.0 - 0.3) / 2)
    assert result['HD95'] == pytest.approx((2 + 3 + 4) / 3)


def test_nothing_is_in_mm_without_a_known_size(tmp_path):
    write_spacing(tmp_path, {})
    assert list(tmp_path.iterdir()) == []
    metric, result = evaluate(tmp_path, 'ab')
    assert not [key for key in (*result, *metric.per_image[0]) if 'mm' in key]


def test_masks_of_another_size_than_their_image(tmp_path):
    """Judged at 40 x 60 where the image has 80 x 60: a row is twice as high."""
    write_spacing(tmp_path, {'a': SPACING})
    _, result = evaluate(tmp_path, 'a', ori_shape=(80, 60))
    assert result['HD95_mm'] == pytest.approx(2.0)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('name,height_mm\na,1\n', "no column 'width_mm'"),
        ('name,height_mm,width_mm\na,1,1\nb,1,0\n', r"line 3, column width_mm: '0' is no size"),
        ('name,height_mm,width_mm\na,1,x\n', r"line 2, column width_mm: 'x' is no size"),
        ('name,height_mm,width_mm\na,1,1\na,2,2\n', r'line 3, column name: a stands there twice'),
    ],
)
def test_a_wrong_table_of_sizes_names_row_and_column(tmp_path, text, message):
    (tmp_path / SPACING_FILE).write_text(text)
    with pytest.raises(ValueError, match=message):
        read_spacing(tmp_path)
