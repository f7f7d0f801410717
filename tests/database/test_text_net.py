"""The network that finds text: where it says that text is, on made-up and real pictures."""

import cv2
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from support.made_up import speckle
from usfm_mm.database.screen import text_net
from usfm_mm.database.screen.text import cover_text
from usfm_mm.database.screen.text_net import FILE, find_regions, probabilities
from usfm_mm.io.image import read_grey


def likely(image):
    return [region for region in find_regions(image) if region.highest > 0.6]


def written(height, width, x, y, text='DOE', scale=0.6):
    image = speckle(0, height, width) // 2
    before = image.copy()
    cv2.putText(image, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, 1, cv2.LINE_AA)
    return image, np.asarray(cv2.absdiff(image, before)) > 10


@pytest.mark.parametrize(
    ('height', 'width'), [(300, 400), (301, 403), (333, 290), (64, 97), (3, 9)]
)
def test_a_cell_has_four_pixels_whatever_the_size(height, width):
    found = probabilities(np.zeros((height, width), np.uint8))
    assert found.shape == (-(-height // 4), -(-width // 4))
    assert 0 <= found.min() <= found.max() < 0.3


@pytest.mark.parametrize('x', [20, 21, 22, 23, 150, 290])
def test_the_box_lies_around_the_ink(x):
    image, ink = written(300, 350, x, 40 + x // 2)
    # Made-up speckle has a spot like a letter now and then: the text's is where its ink is.
    region = max(likely(image), key=lambda region: region.box.cut(ink).sum())
    rows, columns = np.nonzero(ink)
    box = region.box
    assert region.mean > 0.8
    for edge, truth in zip(
        (box.left, box.top, box.right - 1, box.bottom - 1),
        (columns.min(), rows.min(), columns.max(), rows.max()),
        strict=True,
    ):
        assert abs(edge - truth) <= 6


def test_a_small_picture_is_enlarged(monkeypatch):
    """Its boxes are in its own pixels."""
    image, ink = written(120, 160, 60, 60, scale=0.4)
    assert text_net._SHORT_SIDE > 120
    (region,) = likely(image)
    rows, columns = np.nonzero(ink)
    assert abs(region.box.left - columns.min()) <= 4
    assert abs(region.box.bottom - 1 - rows.max()) <= 4


def test_a_large_picture_is_reduced(monkeypatch):
    """To 2,000 pixels; its boxes are in its own pixels."""
    image = np.zeros((3000, 4000), np.uint8)
    cv2.putText(image, 'MILLER', (2500, 2000), cv2.FONT_HERSHEY_SIMPLEX, 1.8, 255, 4)
    rows, columns = np.nonzero(image)
    seen = []
    monkeypatch.setattr(
        text_net, 'probabilities', lambda it: seen.append(it.shape) or probabilities(it)
    )
    region = likely(image)[0]
    assert seen == [(1500, 2000)]
    assert abs(region.box.left - columns.min()) <= 12
    assert abs(region.box.top - rows.min()) <= 12
    assert abs(region.box.right - columns.max()) <= 12


@pytest.mark.parametrize(
    ('height', 'width', 'letters'),
    [
        (96, 160, 28),
        (128, 260, 32),
        (128, 420, 40),
        (600, 800, 66),
        (600, 800, 90),
        (600, 800, 110),
    ],
)
def test_large_letters_are_found(height, width, letters):
    """At a half or a quarter of the size: the network knows letters of up to some 60 pixels."""
    image = cv2.GaussianBlur(speckle(3, height, width) // 3, (0, 0), 2)
    before = image.copy()
    face = cv2.FONT_HERSHEY_SIMPLEX
    thick = max(letters // 10, 1)
    scale = cv2.getFontScaleFromHeight(face, letters, thick)
    cv2.putText(image, 'DOE J 61', (8, (height + letters) // 2), face, scale, 255, thick)
    clean, _ = cover_text(image, [], None, search=True)
    assert clean is not None
    left = (clean == 255) & (cv2.absdiff(image, before) > 60)
    assert left.sum() == 0


def test_text_at_the_edge_is_found():
    for x, y in ((0, 14), (240, 14), (0, 255), (262, 255)):
        image, ink = written(256, 300, x, y)
        covered = np.zeros(image.shape, bool)
        for region in find_regions(image):
            region.box.cut(covered)[:] = True
        assert covered[ink].mean() > 0.8, (x, y)


def test_the_file_is_small_and_says_how_it_was_made():
    model = onnx.load(str(FILE))
    about = {entry.key: entry.value for entry in model.metadata_props}
    assert set(about) == {'commit', 'options'}
    assert FILE.stat().st_size < 500_000
    weights = sum(numpy_helper.to_array(each).size for each in model.graph.initializer)
    assert 190_000 < weights < 200_000


def test_callipers_rulers_and_curves_are_hardly_text():
    """Of eight crosses one or two are taken for letters; nothing else is."""
    image = speckle(1, 300, 400) // 2
    for x in range(40, 360, 40):
        cv2.drawMarker(image, (x, 150), 255, cv2.MARKER_CROSS, 9)
        cv2.line(image, (396, x // 2), (400, x // 2), 255, 1)
    cv2.ellipse(image, (200, 220), (60, 30), 20, 0, 360, 255, 1)
    found = likely(image)
    assert len(found) <= 2
    assert all(abs(region.box.top - 148) <= 4 and region.box.height <= 12 for region in found)


def test_real_labels_are_found_where_another_reader_finds_words(shared_data):
    """BUSI's, which were no part of the training: what PP-OCRv4 reads for sure, in 40 pictures."""
    from rapidocr_onnxruntime import RapidOCR

    reader, words = RapidOCR(), []
    for path in sorted((shared_data / 'BUSI').rglob('*).png'))[::8]:
        image = read_grey(path)
        covered = np.zeros(image.shape, bool)
        for region in find_regions(image):
            region.box.cut(covered)[:] = True
        larger = cv2.resize(image, None, fx=3, fy=3)
        found, _ = reader(cv2.cvtColor(larger, cv2.COLOR_GRAY2BGR))
        for corners, word, score in found or ():
            if len(word) > 2 and float(score) > 0.8:
                left, top = (np.min(corners, axis=0) / 3).astype(int)
                right, bottom = (np.max(corners, axis=0) / 3).astype(int)
                words.append(covered[top:bottom, left:right].mean())
    assert len(words) >= 5
    assert min(words) > 0.6
