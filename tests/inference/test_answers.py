"""Answers about pictures: those of the tests, in the pictures' own geometry."""

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from support.answering import CLASSIFY, SEGMENT, answering, outcomes
from support.ultrasound_dicom import write_dicom
from usfm_mm.inference.answers import Segmentation
from usfm_mm.inference.frames import Frame
from usfm_mm.inference.geometry import mask_of, probabilities_at
from usfm_mm.inference.predict import classify, segment
from usfm_mm.io.image import read_grey, read_rgb


@pytest.fixture(scope='module')
def segmenter(tmp_path_factory):
    return answering(SEGMENT, tmp_path_factory.mktemp('seg'))


@pytest.fixture(scope='module')
def classifier(tmp_path_factory):
    return answering(CLASSIFY, tmp_path_factory.mktemp('cls'))


def paths(dataset):
    return [dataset.get_data_info(n)['img_path'] for n in range(len(dataset))]


def test_masks_are_those_of_usfm_test(segmenter):
    model, dataset = segmenter
    expected = outcomes(model, dataset)
    answers = list(segment(model, paths(dataset)))
    assert len(answers) == 3
    for answer, sample in zip(answers, expected, strict=True):
        mask = sample.pred_sem_seg.data[0].numpy()
        assert answer.mask.shape == mask.shape == (70, 90)
        assert 0 < mask.mean() < 1
        logits = sample.seg_logits.data
        np.testing.assert_allclose(answer.probabilities, logits.softmax(0).numpy(), atol=1e-5)
        sure = (logits[0] - logits[1]).abs().numpy() > 1e-5
        np.testing.assert_array_equal(answer.mask[sure], mask[sure])
        assert sure.mean() > 0.999


def test_scores_are_those_of_usfm_test(classifier):
    model, dataset = classifier
    expected = outcomes(model, dataset)
    answers = list(classify(model, paths(dataset)))
    for answer, sample in zip(answers, expected, strict=True):
        scores = list(answer.scores.values())
        np.testing.assert_allclose(scores, sample.pred_score.numpy(), atol=1e-6)
        assert answer.label == ('negative', 'positive')[int(sample.pred_label)]


def test_batched_is_single(segmenter, classifier):
    model, dataset = segmenter
    for one, three in zip(
        segment(model, paths(dataset), batch_size=1), segment(model, paths(dataset)), strict=True
    ):
        np.testing.assert_allclose(one.probabilities, three.probabilities, atol=1e-5)
    model, dataset = classifier
    one, three = (list(classify(model, paths(dataset), batch_size=n)) for n in (1, 3))
    for a, b in zip(one, three, strict=True):
        assert a.scores == pytest.approx(b.scores, abs=1e-5)


def test_array_is_file_is_dicom(segmenter, tmp_path):
    model, dataset = segmenter
    path = paths(dataset)[0]
    dicom = write_dicom(tmp_path / 'a.dcm', np.stack([read_grey(path)] * 2))
    answers = list(segment(model, [path, read_rgb(path), read_grey(path), dicom]))
    assert len(answers) == 5
    for answer in answers[1:]:
        np.testing.assert_allclose(answer.probabilities, answers[0].probabilities, atol=1e-5)
    assert [answer.frame.number for answer in answers] == [0, 0, 0, 0, 1]


class Drawn:
    """Says of each pixel whether it is bright, at the size of the network."""

    def __init__(self, size, certainty=0.99, task='segment', classes=('background', 'blob')):
        from types import SimpleNamespace

        self.card = SimpleNamespace(
            task=task,
            image_size=size,
            channels=1,
            classes=list(classes),
            kind='class',
            clip_frames=None,
        )
        self.certainty = certainty

    def __call__(self, images):
        inside = np.where(images[:, 0] > 127, self.certainty, 1 - self.certainty)
        return np.stack([1 - inside, inside], 1).astype(np.float32)


@pytest.mark.parametrize('shape', [(96, 160), (160, 96), (75, 201)])
def test_masks_lie_on_the_picture(shape):
    picture = np.zeros(shape, np.uint8)
    picture[:20, :40] = 255  # one corner: a turn or a mirror would show
    [answer] = segment(Drawn((shape[0] * 2, shape[1] * 2)), picture)
    assert answer.mask.shape == shape
    np.testing.assert_array_equal(answer.mask, picture > 127)
    assert answer.areas_px == {'background': picture.size - 800, 'blob': 800}
    assert answer.areas_mm2 is None


def test_area_of_a_drawn_ellipse_in_mm2(tmp_path):
    picture = np.zeros((300, 400), np.uint8)
    cv2.ellipse(picture, (200, 150), (120, 80), 20, 0, 360, 255, -1)
    dicom = write_dicom(tmp_path / 'a.dcm', picture[None], PixelSpacing=[0.5, 0.25])
    [answer] = segment(Drawn((224, 224)), dicom)
    assert answer.areas_mm2['blob'] == pytest.approx(np.pi * 120 * 80 * 0.5 * 0.25, rel=0.01)


def test_threshold_and_mirror(segmenter):
    model, dataset = segmenter
    white, unsure = np.full((40, 40), 255, np.uint8), Drawn((40, 40), certainty=0.7)
    [answer] = segment(unsure, white)
    assert answer.mask.all()
    [answer] = segment(
        Drawn((40, 40), certainty=0.7), np.full((40, 40), 255, np.uint8), threshold=0.8
    )
    assert not answer.mask.any()
    image = read_grey(paths(dataset)[0])
    [plain], [turned], [both] = (
        list(segment(model, picture, flip=flip))
        for picture, flip in ((image, False), (image[:, ::-1], False), (image, True))
    )
    # At the network's size they are averaged, hence nearly so at the picture's.
    mean = (plain.probabilities + turned.probabilities[..., ::-1]) / 2
    assert np.abs(both.probabilities - mean).mean() < 0.01
    assert np.abs(both.probabilities - plain.probabilities).mean() > 0.01


def test_several_foregrounds_share_a_threshold():
    probabilities = np.array([[[0.4, 0.7]], [[0.35, 0.1]], [[0.25, 0.2]]], np.float32)
    assert mask_of(probabilities).tolist() == [[0, 0]]
    assert mask_of(probabilities, 0.5).tolist() == [[1, 0]]
    assert mask_of(probabilities, 0.2).tolist() == [[1, 2]]


@pytest.mark.parametrize('classes', [2, 4])
def test_masks_are_the_first_of_the_likeliest_classes(classes):
    """NumPy's argmax, where two classes are equal too."""
    tenths = np.random.default_rng(0).integers(0, 10, (classes, 31, 47)) / np.float32(10)
    np.testing.assert_array_equal(mask_of(tenths), tenths.argmax(0))
    together = tenths[1:].sum(0)
    expected = np.where(together >= 0.7, 1 + tenths[1:].argmax(0), 0)
    np.testing.assert_array_equal(mask_of(tenths, 0.7), expected)
    counts = Segmentation(
        Frame(np.zeros((31, 47), np.uint8), ''), 'abcd'[:classes], mask_of(tenths), tenths
    )
    assert sum(counts.areas_px.values()) == 31 * 47
    assert counts.areas_px['b'] == (tenths.argmax(0) == 1).sum()


def test_probabilities_are_resized_as_logits():
    """PyTorch's bilinear resize and softmax, and what was given stays as it was."""
    logits = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 3, 7, 9)))
    given = logits.softmax(1)[0].float().numpy()
    before = given.copy()
    expected = F.interpolate(logits, (40, 61), mode='bilinear').softmax(1)[0].numpy()
    np.testing.assert_allclose(probabilities_at(given, (40, 61)), expected, atol=1e-5)
    np.testing.assert_allclose(probabilities_at(given, (7, 9)), given, atol=1e-6)
    np.testing.assert_array_equal(given, before)


def test_probabilities_of_all_or_nothing_stay_finite():
    probabilities = np.zeros((2, 4, 4), np.float32)
    probabilities[0] = 1
    resized = probabilities_at(probabilities, (8, 8))
    np.testing.assert_allclose(resized.sum(0), 1)
    assert resized[0].min() > 0.999


def test_ensemble_tells_its_uncertainty():
    picture = np.full((8, 8), 255, np.uint8)
    models = [Drawn((8, 8), 0.9), Drawn((8, 8), 0.5)]
    [answer] = segment(models, picture)
    np.testing.assert_allclose(answer.probabilities[1], 0.7, atol=1e-6)
    entropy = -(0.7 * np.log(0.7) + 0.3 * np.log(0.3))
    np.testing.assert_allclose(answer.uncertainty.entropy, entropy, atol=1e-5)
    assert answer.uncertainty.entropy.shape == (8, 8)
    assert answer.uncertainty.mean_variance == pytest.approx(0.04, abs=1e-5)
    [alone] = segment(models[0], picture)
    assert alone.uncertainty is None


def test_threshold_of_a_label(classifier):
    model, dataset = classifier
    [plain] = classify(model, paths(dataset)[0])
    [sure] = classify(model, paths(dataset)[0], threshold=max(plain.scores.values()))
    [unsure] = classify(model, paths(dataset)[0], threshold=1.0)
    assert (sure.label, unsure.label) == (plain.label, None)
    [two] = classify([model, model], paths(dataset)[0])
    assert two.scores == pytest.approx(plain.scores)
    assert two.uncertainty.mean_variance == pytest.approx(0, abs=1e-12)


def test_errors_come_before_anything_is_read(classifier):
    model, _ = classifier
    with pytest.raises(ValueError, match="'classify' cannot segment"):
        segment(model, 'gone.png')
    with pytest.raises(ValueError, match='threshold'):
        classify(model, 'gone.png', threshold=50)
    with pytest.raises(ValueError, match='same classes'):
        segment([Drawn((8, 8)), Drawn((8, 8), classes=('background', 'head'))], 'gone.png')
    with pytest.raises(FileNotFoundError, match='gone.png'):
        next(classify(model, 'gone.png'))
