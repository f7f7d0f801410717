"""Measures of enhancement against float64 references; the metric on one and two ranks."""

import csv
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.structures import BaseDataElement

from support.two_ranks import on_two_ranks

skimage_metrics = pytest.importorskip('skimage.metrics')

from scipy.ndimage import gaussian_filter
from sklearn.metrics import normalized_mutual_info_score

from usfm_mm.evaluation import enhancement
from usfm_mm.evaluation.enhancement import MEASURES, image_measures, lncc, nmi, psnr, ssim
from usfm_mm.evaluation.enhancement_metric import EnhancementMetric, grey_image
from usfm_mm.io.image import read_grey
from usfm_mm.registry import METRICS


def noise(seed: int, shape: tuple[int, int] = (40, 52)) -> np.ndarray:
    smooth = gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.5)
    return np.rint(128 + 200 * smooth).clip(0, 255).astype(np.uint8)


def constant(level: int, shape: tuple[int, int] = (40, 52)) -> np.ndarray:
    return np.full(shape, level, np.uint8)


def reference_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Wang et al. 2004, window by window, with its weights written out."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    offsets = np.arange(11) - 5
    weights = np.exp(-(offsets**2) / (2 * 1.5**2))
    weights = np.outer(weights, weights)
    weights /= weights.sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    values = []
    for y in range(a.shape[0] - 10):
        for x in range(a.shape[1] - 10):
            p, q = a[y : y + 11, x : x + 11], b[y : y + 11, x : x + 11]
            mean_p, mean_q = (weights * p).sum(), (weights * q).sum()
            var_p = (weights * (p - mean_p) ** 2).sum()
            var_q = (weights * (q - mean_q) ** 2).sum()
            covariance = (weights * (p - mean_p) * (q - mean_q)).sum()
            values.append(
                (2 * mean_p * mean_q + c1)
                * (2 * covariance + c2)
                / ((mean_p**2 + mean_q**2 + c1) * (var_p + var_q + c2))
            )
    return float(np.mean(values))


def reference_lncc(a: np.ndarray, b: np.ndarray) -> float:
    values = []
    for y in range(a.shape[0] - 8):
        for x in range(a.shape[1] - 8):
            p = a[y : y + 9, x : x + 9].astype(np.float64).ravel()
            q = b[y : y + 9, x : x + 9].astype(np.float64).ravel()
            if np.ptp(p) == 0 or np.ptp(q) == 0:
                values.append(float(np.ptp(p) == np.ptp(q) == 0))
                continue
            p, q = p - p.mean(), q - q.mean()
            values.append((p @ q) / math.sqrt((p @ p) * (q @ q)))
    return float(np.mean(values))


def assert_equal_references(a: np.ndarray, b: np.ndarray) -> None:
    assert ssim(a, b) == pytest.approx(reference_ssim(a, b), abs=1e-10)
    assert lncc(a, b) == pytest.approx(reference_lncc(a, b), abs=1e-10)
    expected = normalized_mutual_info_score(a.ravel(), b.ravel())
    assert nmi(a, b) == pytest.approx(expected, abs=1e-10)
    error = np.mean((a.astype(np.float64) - b) ** 2)
    assert psnr(a, b) == pytest.approx(20 * math.log10(255) - 10 * math.log10(error))


@pytest.mark.parametrize('seed', range(3))
def test_random_pairs(seed):
    a = noise(seed)
    b = ((a.astype(int) + noise(seed + 10)) // 2).astype(np.uint8)
    b[:14], a[3:20, :20] = 7, 0  # windows that are constant in one image or in both
    assert_equal_references(a, b)


def test_real_pairs(shared_data):
    """Every pair of PICMUS: whole for scikit-image and scikit-learn, a part for the slow loops."""
    paths = sorted((shared_data / 'PICMUS' / 'low_quality').glob('*.png'))
    assert len(paths) == 12
    for path in paths:
        a, b = read_grey(path), read_grey(shared_data / 'PICMUS' / 'high_quality' / path.name)
        measures = image_measures(a, b)
        _, ssim_map = skimage_metrics.structural_similarity(
            a.astype(np.float64),
            b.astype(np.float64),
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            full=True,
        )
        assert measures['SSIM'] == pytest.approx(100 * ssim_map[5:-5, 5:-5].mean(), abs=1e-8)
        expected = 100 * normalized_mutual_info_score(a.ravel(), b.ravel())
        assert measures['NMI'] == pytest.approx(expected, abs=1e-8)
        assert measures['PSNR'] == pytest.approx(
            skimage_metrics.peak_signal_noise_ratio(b, a, data_range=255)
        )
        # LNCC of the whole image is the mean over its windows: sampled rows of them, directly.
        rows = slice(100, 112)
        assert lncc(a[rows], b[rows]) == pytest.approx(reference_lncc(a[rows], b[rows]), abs=1e-10)
    assert_equal_references(a[60:110, 40:110], b[60:110, 40:110])


def test_known_values():
    a = noise(0)
    measures = image_measures(a, a)
    assert measures == pytest.approx(dict(SSIM=100, LNCC=100, NMI=100, PSNR=100))
    # LNCC does not see a change of brightness and contrast, NMI none that can be undone.
    dark = (a // 2).astype(np.uint8) * 2
    assert lncc((dark // 2 + 20).astype(np.uint8), dark) == pytest.approx(1)
    assert lncc(255 - a, a) == pytest.approx(-1)
    assert nmi(255 - a, a) == pytest.approx(1)
    assert psnr(constant(10), constant(15)) == pytest.approx(20 * math.log10(255 / 5))
    assert psnr(constant(0), constant(255)) == 0


def test_constant_images():
    a, flat = noise(0), constant(40)
    assert image_measures(flat, flat) == pytest.approx(dict(SSIM=100, LNCC=100, NMI=100, PSNR=100))
    c1 = (0.01 * 255) ** 2
    two = image_measures(flat, constant(50))
    assert two['SSIM'] == pytest.approx(100 * (2 * 40 * 50 + c1) / (40**2 + 50**2 + c1))
    assert (two['LNCC'], two['NMI']) == (100, 100)
    one = image_measures(flat, a)
    assert (one['LNCC'], one['NMI']) == (0, 0)
    assert np.isfinite(list(one.values())).all()


@pytest.mark.parametrize(
    ('image', 'target', 'message'),
    [
        (noise(0), noise(0, (40, 50)), r'the image is \(40, 52\) and the target \(40, 50\)'),
        (noise(0)[:10], noise(0)[:10], 'a window of 11 must fit in'),
        (noise(0).astype(float), noise(0), r'the image must be uint8 \[H, W\], got float64'),
        (noise(0), noise(0)[None], r'the target must be uint8 \[H, W\], got uint8 \(1, 40, 52\)'),
    ],
)
def test_refuses_what_does_not_fit(image, target, message):
    with pytest.raises(ValueError, match=message):
        image_measures(image, target)


def sample(n: int) -> dict:
    target, low = noise(n), noise(n + 30)
    fake = torch.from_numpy((target.astype(np.float64) * 3 + low) / 4)
    return dict(
        img_A_path=f'low_quality/{n}.png',
        img_B_path=f'high_quality/{n}.png',
        organ=('liver', 'breast')[n % 2],
        img_A=torch.from_numpy(low).expand(3, -1, -1),
        img_B=torch.from_numpy(target).expand(3, -1, -1),
        fake_B=torch.stack([fake - 1, fake, fake + 1]),
    )


def evaluate(indices, size, **kwargs):
    metric = METRICS.build(dict(type='usfm_mm.EnhancementMetric', **kwargs))
    metric.keep_images = True
    for n in indices:
        metric.process(None, [sample(n)])
    return metric, metric.evaluate(size)


def test_metric_is_the_mean_over_images_and_organs():
    metric, result = evaluate(range(5), 5)
    expected = []
    for n in range(5):
        fake = np.rint((noise(n).astype(np.float64) * 3 + noise(n + 30)) / 4).astype(np.uint8)
        np.testing.assert_array_equal(metric.prediction(f'low_quality/{n}.png'), fake)
        expected.append(image_measures(fake, noise(n)))
    for name in MEASURES:
        values = np.array([row[name] for row in expected])
        assert [row[name] for row in metric.per_image] == pytest.approx(values)
        assert result[name] == pytest.approx(values.mean())
        assert result[f'{name}_std'] == pytest.approx(math.sqrt(values.var()))
        for organ, chosen in (('liver', values[::2]), ('breast', values[1::2])):
            assert result[f'{name}/{organ}'] == pytest.approx(chosen.mean())
            assert result[f'{name}_std/{organ}'] == pytest.approx(math.sqrt(chosen.var()))
        before = [image_measures(noise(n + 30), noise(n))[name] for n in range(5)]
        assert result[f'{name}_input'] == pytest.approx(np.mean(before))
    assert len(result) == 4 * (3 + 2 * 2)


def test_takes_data_samples_through_an_evaluator():
    objects = []
    for n in range(2):
        raw = sample(n)
        images = {key: raw.pop(key) for key in ('img_A', 'img_B', 'fake_B')}
        element = BaseDataElement(metainfo=raw)
        for key, value in images.items():
            element.set_field(value, key)
        objects.append(element)
    evaluator = Evaluator([dict(type='usfm_mm.EnhancementMetric')])
    evaluator.process(objects)
    assert evaluator.evaluate(2) == evaluate(range(2), 2)[1]


def test_other_names_of_domains():
    metric = EnhancementMetric(source='low', target='high')
    renamed = {
        key.replace('_A', '_low').replace('_B', '_high'): value for key, value in sample(1).items()
    }
    metric.process(None, [renamed])
    assert metric.evaluate(1) == evaluate([1], 1)[1]


def test_table(tmp_path):
    path = tmp_path / 'new' / 'per_image.csv'
    _, result = evaluate([1, 0, 3], 3, csv_path=str(path))
    with path.open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['image'] for row in rows] == [f'low_quality/{n}.png' for n in (0, 1, 3)]
    assert list(rows[0]) == [
        *('image', 'reference', 'organ'),
        *MEASURES,
        *(f'{name}_input' for name in MEASURES),
    ]
    for name in MEASURES:
        assert np.mean([float(row[name]) for row in rows]) == result[name]


def _on_rank(rank, ways, size):
    outcomes = []
    for indices in ways:
        metric, result = evaluate(indices[rank], size)
        outcomes.append((result, metric.per_image, metric.predictions))
    return outcomes


def test_two_ranks_equal_one(free_port, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # mmengine gathers through files in the working folder
    ways = [
        ([0, 2, 4], [1, 3, 0]),  # as mmengine's DefaultSampler deals out and pads
        ([0, 1, 2, 3, 4], []),
    ]
    metric, expected = evaluate(range(5), 5)
    first, second = on_two_ranks(_on_rank, free_port, ways, 5)
    assert first == [(expected, metric.per_image, metric.predictions)] * len(ways)
    assert second == [(expected, [], {})] * len(ways)


def test_bad_samples_are_named():
    metric = EnhancementMetric()
    for change, message in (
        (dict(fake_B=torch.zeros(3, 40, 50)), r'low_quality/0\.png: the image is \(40, 50\)'),
        (dict(fake_B=torch.full((3, 40, 52), math.nan)), r'low_quality/0\.png: .*diverge'),
        (dict(img_B=None), r'low_quality/0\.png: the data sample has no img_B'),
        (dict(img_A_path=None), 'no img_A_path: name a path in meta_keys of PackInputs'),
    ):
        with pytest.raises(ValueError, match=message):
            metric.process(None, [{**sample(0), **change}])
    with pytest.raises(ValueError, match='got no image'):
        metric.evaluate(0)


def test_grey_is_the_mean_of_the_channels():
    tensor = torch.tensor([[[0.0, 300.0]], [[1.0, 300.0]], [[3.5, 200.0]]])
    assert grey_image(tensor).tolist() == [[2, 255]]
    assert grey_image(tensor[:1]).tolist() == [[0, 255]]


def test_missing_scikit_image_names_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, 'skimage.metrics', None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'usfm-mm\[enhance\]'"):
        enhancement.require_packages()
    with pytest.raises(ModuleNotFoundError, match='scikit-image'):
        EnhancementMetric()


def test_importing_the_metrics_needs_neither_scikit_image_nor_mmagic():
    code = (
        'import sys, usfm_mm.evaluation; '
        "assert not {'skimage', 'mmagic', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, '-c', code], check=True)


def test_prefix_and_collect_dir(tmp_path):
    plain = evaluate(range(2), 2)[1]
    named = evaluate(range(2), 2, prefix='phone', collect_dir=str(tmp_path))[1]
    assert named == {f'phone/{name}': value for name, value in plain.items()}
