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
from usfm_mm.database.screen.text import cover_text, find_text, paint_over
from usfm_mm.database.screen.text_net import Region
from usfm_mm.database.types import Options
from usfm_mm.io.image import encode_png, read_grey

EDGES = np.tile(np.uint8([0, 0, 200, 200]), (400, 150))


@pytest.mark.parametrize(
    ('height', 'highest', 'mean', 'counts'),
    [
        (24, 0.61, 0.4, True),
        (24, 0.59, 0.5, False),
        (25, 0.99, 0.59, False),
        (25, 0.99, 0.61, True),
    ],
)
@pytest.mark.usefixtures('no_large_text')
def test_what_counts_as_text(monkeypatch, height, highest, mean, counts):
    """Up to 24 pixels by the most probable cell, from there on by the mean; lying or standing."""
    for box in (Box(9, 9, 90, 9 + height), Box(9, 9, 9 + height, 90)):
        monkeypatch.setattr(
            text, 'find_regions', lambda _, it=box: [Region(it, highest, mean, height)]
        )
        assert bool(find_text(EDGES)) == counts


@pytest.mark.parametrize(('step', 'counts'), [(13, True), (12, False)])
@pytest.mark.usefixtures('no_large_text')
def test_streaks_without_edges_are_no_text(monkeypatch, step, counts):
    """A twentieth of the region must change by 12.5 grey levels a pixel."""
    monkeypatch.setattr(text, 'find_regions', lambda _: [Region(Box(0, 0, 100, 40), 1.0, 1.0, 40)])
    image = np.zeros((40, 100), np.uint8)
    image[:, 10:16] = step * np.arange(1, 7)
    assert bool(find_text(image)) == counts


@pytest.mark.usefixtures('no_large_text')
def test_margin_is_two_pixels_and_15_percent_of_the_height(monkeypatch):
    """Within the picture."""
    boxes = [Box(100, 100, 500, 140), Box(300, 200, 320, 500), Box(0, 390, 40, 400)]
    monkeypatch.setattr(
        text, 'find_regions', lambda image: [Region(box, 1.0, 1.0, 40) for box in boxes]
    )
    assert find_text(EDGES) == [
        Box(92, 92, 508, 148),
        Box(295, 195, 325, 400),
        Box(0, 386, 44, 400),
    ]


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


@pytest.fixture
def no_large_text(monkeypatch):
    monkeypatch.setattr(text, 'find_large_regions', lambda image: [])


def test_nothing_is_left_where_all_is_text():
    image = speckle(0, 40, 120)
    assert not paint_over(image, [Box(0, 0, 120, 40)]).any()


def lines(count, width=100, height=12):
    return [Box(10, 20 * i, 10 + width, 20 * i + height) for i in range(count)]


def test_a_report_page_is_3_percent_text_and_twice_the_area_of_its_picture():
    picture = view.Found(Box(200, 0, 250, 60), None)  # 3,000 pixels; five lines have 6,000
    assert not view._is_page(lines(5), [picture], 100_000)
    assert view._is_page([*lines(4), Box(10, 80, 111, 92)], [picture], 100_000)
    assert not view._is_page(lines(5), [], 200_000)
    assert view._is_page(lines(5), [], 199_000)


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
