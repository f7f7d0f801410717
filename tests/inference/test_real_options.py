"""Mirror images, thresholds and ensembles on real pictures, against their definitions in float64.

The demonstration model stands for others; a second one has its weights, a little moved.
"""

import csv

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from usfm_mm.apis import load_model, segment
from usfm_mm.commands.predict import main
from usfm_mm.inference.sources import names_of
from usfm_mm.io.image import read_grey

PATTERNS = ('HC18/training_set/000_HC.png', 'HC18/training_set/097_HC.png', 'BUSI/*/benign/*1).png')
THRESHOLDS = (0.02, 0.3, 0.5, 0.9)


@pytest.fixture(scope='module')
def files(shared_data):
    """Two heads and a breast, each of its own size."""
    found = [sorted(shared_data.glob(pattern))[0] for pattern in PATTERNS]
    assert len({read_grey(path).shape for path in found}) > 1
    return found


@pytest.fixture(scope='module')
def model_file(request):
    return request.config.rootpath / 'models' / 'demo_fetal_head.safetensors'


@pytest.fixture(scope='module')
def models(model_file):
    """The demonstration model, and one that disagrees with it."""
    one, other = load_model(model_file), load_model(model_file)
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in other.module.decode_head.parameters():
            weight += 0.3 * weight.std(correction=0) * torch.randn(weight.shape, generator=noise)
    return [one, other]


def asked(model, image):
    """Probabilities at the network's size, float64 [K, h, w], of one call about one picture."""
    height, width = model.card.image_size
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    return model(np.stack([small] * model.card.channels)[None])[0].astype(np.float64)


def at_size(probabilities, shape):
    """Bilinear on the logits, by PyTorch, and softmax."""
    logits = torch.from_numpy(np.log(probabilities))[None]
    return F.interpolate(logits, shape, mode='bilinear').softmax(1)[0].numpy()


def mirrored_mean(model, image):
    """By hand: the answers about a picture and its mirror image, turned back, over two."""
    height, width = model.card.image_size
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    plain, turned = asked(model, small), asked(model, cv2.flip(small, 1))
    return at_size((plain + turned[..., ::-1]) / 2, image.shape)


def test_flip_is_the_mean_with_the_mirror_image(models, files):
    differs = 0.0
    answers = segment(models[0], files, flip=True, batch_size=2)
    for file, answer in zip(files, answers, strict=True):
        image = read_grey(file)
        np.testing.assert_allclose(answer.probabilities, mirrored_mean(models[0], image), atol=2e-5)
        plain = at_size(asked(models[0], image), image.shape)
        differs = max(differs, np.abs(answer.probabilities - plain).max())
    assert differs > 0.1  # it does something


def test_threshold_is_where_the_foreground_reaches_it(models, files):
    areas = []
    for threshold in THRESHOLDS:
        answers = list(segment(models[0], files, threshold=threshold))
        for file, answer in zip(files, answers, strict=True):
            image = read_grey(file)
            inside = at_size(asked(models[0], image), image.shape)[1]
            sure = np.abs(inside - threshold) > 1e-4
            assert sure.mean() > 0.99
            np.testing.assert_array_equal(answer.mask[sure], inside[sure] >= threshold)
        areas.append([answer.areas_px['head'] for answer in answers])
    assert (np.diff(areas, axis=0) <= 0).all()
    assert areas[0][0] > areas[-1][0] > 0
    plain = [answer.mask for answer in segment(models[0], files)]
    halves = [answer.mask for answer in segment(models[0], files, threshold=0.5)]
    for one, other in zip(plain, halves, strict=True):
        assert (one != other).mean() < 1e-4  # two classes: the likelier one has a half


def test_ensemble_is_the_mean_and_its_uncertainty_is_its_definition(models, files):
    disagree = 0.0
    for file, answer in zip(files, segment(models, files), strict=True):
        image = read_grey(file)
        each = np.stack([at_size(asked(model, image), image.shape) for model in models])
        mean = each.mean(0)
        np.testing.assert_allclose(answer.probabilities, mean, atol=2e-5)
        sure = np.abs(mean[1] - mean[0]) > 1e-4
        np.testing.assert_array_equal(answer.mask[sure], mean.argmax(0)[sure])
        entropy = -(mean * np.log(mean)).sum(0)
        variance = ((each - mean) ** 2).mean((0, 1))
        np.testing.assert_allclose(answer.uncertainty.entropy, entropy, atol=1e-4)
        np.testing.assert_allclose(answer.uncertainty.variance, variance, atol=1e-4)
        assert answer.uncertainty.mean_entropy == pytest.approx(entropy.mean(), abs=1e-5)
        assert answer.uncertainty.mean_variance == pytest.approx(variance.mean(), abs=1e-5)
        disagree = max(disagree, variance.max())
    assert disagree > 0.01


def test_all_three_at_once(models, files):
    [answer] = segment(models, files[0], flip=True, threshold=0.3)
    mean = np.mean([mirrored_mean(model, read_grey(files[0])) for model in models], axis=0)
    np.testing.assert_allclose(answer.probabilities, mean, atol=2e-5)
    sure = np.abs(mean[1] - 0.3) > 1e-4
    np.testing.assert_array_equal(answer.mask[sure], mean[1][sure] >= 0.3)


def test_the_command_takes_the_same_options(models, model_file, files, tmp_path):
    options = ['--flip', '--threshold', '0.3', '--ensemble', str(model_file)]
    main([str(model_file), *map(str, files), '--out', str(tmp_path / 'out'), *options])
    rows = list(csv.DictReader((tmp_path / 'out' / 'predictions.csv').open()))
    answers = segment([models[0]] * 2, files, flip=True, threshold=0.3)
    for name, row, answer in zip(names_of(files), rows, answers, strict=True):
        with Image.open(tmp_path / 'out' / 'masks' / f'{name}.png') as mask:
            np.testing.assert_array_equal(np.asarray(mask), answer.mask)
        assert int(row['head_px']) == answer.areas_px['head'] == answer.mask.sum()
        assert float(row['entropy']) == pytest.approx(answer.uncertainty.mean_entropy, abs=1e-6)
        assert float(row['variance']) == 0
