"""What counts as text: each threshold has cases on both of its sides."""

import cv2
import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from support.made_up import speckle
from usfm_mm.database.extract import extract
from usfm_mm.database.readers.clip import Box
from usfm_mm.database.screen import text, view
from usfm_mm.database.screen.ocr import Line
from usfm_mm.database.screen.text import cover_text, find_text
from usfm_mm.database.types import Options
from usfm_mm.io.image import encode_png, read_grey

SIDE = 600


def found(monkeypatch, score, height, upright=('', 0.0), turned=('', 0.0), side=SIDE):
    """Does a detected line of this height, 100 pixels long, count as text?"""
    zoom = min(max(736 / side, 1), 3)
    left, top = 100.0, 100.0
    corners = np.float32([[left, top], [left + 400, top], [left + 400, top + height]])
    corners = np.vstack([corners, [[left, top + height]]]).astype(np.float32)
    line = Line(corners * np.float32(zoom) + 24, score)
    monkeypatch.setattr(text, 'detect', lambda image: [line])
    monkeypatch.setattr(text, 'read', lambda image, line, upside: turned if upside else upright)
    return find_text(np.zeros((side, side), np.uint8))


@pytest.mark.parametrize(
    ('score', 'height', 'upright', 'counts'),
    [
        # the detector is sure, and the line is no taller than a twelfth: 50 pixels
        (0.61, 49, ('', 0.0), True),
        (0.59, 49, ('', 0.0), False),
        (0.61, 51, ('', 0.0), False),
        (0.95, 51, ('', 0.0), False),
        # a word that is read for sure, up to a third: 200 pixels
        (0.5, 198, ('DOE', 0.51), True),
        (0.5, 198, ('DOE', 0.49), False),
        (0.5, 202, ('DOE', 0.99), False),
        # one or two characters, up to a sixth: 100 pixels
        (0.5, 99, ('42', 0.51), True),
        (0.5, 101, ('42', 0.99), False),
        (0.5, 101, ('421', 0.99), True),
        # likely, up to a twentieth: 30 pixels
        (0.5, 29, ('DOE', 0.21), True),
        (0.5, 29, ('DOE', 0.19), False),
        (0.5, 31, ('DOE', 0.21), False),
        (0.5, 29, ('', 0.99), False),
    ],
)
def test_what_counts_as_text(monkeypatch, score, height, upright, counts):
    assert bool(found(monkeypatch, score, height, upright)) == counts
    # read upside down, it counts alike
    assert bool(found(monkeypatch, score, height, turned=upright)) == counts


def test_the_smallest_line_counts_in_a_small_picture(monkeypatch):
    assert found(monkeypatch, 0.61, 9.8, side=100)
    assert not found(monkeypatch, 0.61, 10.2, side=100)
    assert found(monkeypatch, 0.5, 9.8, ('a', 0.21), side=100)


def test_margin_is_two_pixels_and_15_percent_of_the_height(monkeypatch):
    assert found(monkeypatch, 0.9, 38) == [Box(92, 92, 508, 146)]


LINES = {
    0: 'DOE JOHN 1961',
    1: 'Иванов Пётр',
    2: 'ID 482913',
    3: 'ΠΑΠΑΔΟΠΟΥΛΟΣ',
}


@pytest.mark.parametrize('turns', [0, 1, 2, 3])
def test_turned_text_in_several_scripts_is_painted_over(turns):
    """Horizontal, upward, upside down and downward; of 14 pixels, on tissue."""
    path = f'{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans.ttf'
    font = ImageFont.truetype(path, 19)
    for seed, line in LINES.items():
        picture = speckle(seed, 400, 400) // 2
        drawing = Image.new('L', (400, 400))
        ImageDraw.Draw(drawing).text((90, 190), line, fill=255, font=font)
        ink = np.rot90(np.asarray(drawing), turns)
        written = np.maximum(picture, ink)
        covered = np.zeros(ink.shape, bool)
        for box in find_text(written):
            box.cut(covered)[:] = True
        assert covered[ink > 60].mean() > 0.95, (line, turns)
        clean, _ = cover_text(written, [], None, search=True)
        assert clean is not None
        assert np.abs(clean[ink > 200].astype(int) - 255).mean() > 100


def test_little_of_real_pictures_is_taken_for_text(shared_data):
    """Of pictures without text: HC18 and USGRA."""
    paths = [
        *sorted((shared_data / 'HC18').rglob('*HC.png'))[::90],
        *sorted((shared_data / 'USGRA').rglob('images/*.png'))[::50],
    ]
    painted = pixels = 0
    for path in paths:
        image = read_grey(path)
        pixels += image.size
        covered = np.zeros(image.shape, bool)
        for box in find_text(image):
            box.cut(covered)[:] = True
        painted += covered.sum()
    assert painted < 0.002 * pixels


def lines(count, width=100, height=12):
    return [Box(10, 20 * i, 10 + width, 20 * i + height) for i in range(count)]


def test_a_report_page_has_five_lines_and_twice_the_area_of_its_picture():
    picture = view.Found(Box(200, 0, 250, 60), None)  # 3,000 pixels; five lines have 6,000
    assert not view._is_page(lines(5), [picture])
    assert view._is_page([*lines(4), Box(10, 80, 111, 92)], [picture])
    assert not view._is_page(lines(4, width=400), [picture])
    assert view._is_page(lines(5), [])


def test_a_small_picture_without_text_is_the_whole_screen(monkeypatch):
    """Below a quarter of the screen."""
    monkeypatch.setattr(view, 'find_text', lambda image: [])
    for side, whole in ((190, True), (215, False)):
        screen = np.zeros((400, 400), np.uint8)
        screen[100 : 100 + side, 100 : 100 + side] = speckle(0, side, side)
        (only,) = view.lay_out([screen], (), still=True).views
        assert (only.box == Box(0, 0, 400, 400)) == whole, side


@pytest.mark.parametrize(('width', 'page'), [(230, False), (250, True)])
def test_a_picture_that_text_covers_by_a_fifth_is_a_page(tmp_path, monkeypatch, width, page):
    """Of 300 x 240 pixels, a fifth is 14,400: 240 x 60."""
    path = tmp_path / 'a.png'
    path.write_bytes(encode_png(cv2.add(speckle(0, 240, 300), 20)))
    monkeypatch.setattr(view, 'standing_text', lambda image: [Box(10, 10, 10 + width, 70)])
    extraction = extract(path, Options(text_search='once per clip'))
    assert len(list(extraction.pictures)) == (not page)
    assert extraction.rejects['report page'] == page
