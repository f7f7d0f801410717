"""Finding the picture on a screen, colour, seams and drawings."""

import cv2
import numpy as np
import pytest

from support.scanner_screens import SECTOR, screen, sector, speckle
from usfm_mm.database.extract import extract
from usfm_mm.database.readers.clip import Box
from usfm_mm.database.screen.checks import fault, is_drawing, thumbnail
from usfm_mm.database.screen.colour import coloured_share
from usfm_mm.database.screen.seam import find_seam
from usfm_mm.database.screen.sector import find_pictures
from usfm_mm.database.screen.view import lay_out
from usfm_mm.database.types import Options


def overlap(box: Box, inside: np.ndarray) -> float:
    """Intersection over union of a box and a mask's bounding box."""
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    truth = Box(columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    width = min(box.right, truth.right) - max(box.left, truth.left)
    height = min(box.bottom, truth.bottom) - max(box.top, truth.top)
    shared = max(width, 0) * max(height, 0)
    return shared / (box.width * box.height + truth.width * truth.height - shared)


def test_sector_is_found_between_bars_and_scales():
    image, (_, inside) = screen(text=()), sector()
    (found,) = find_pictures(image, [])
    assert overlap(found.box, inside) > 0.93
    truth = found.box.cut(inside)
    assert found.inside is not None
    assert (found.inside & truth).sum() > 0.99 * truth.sum()
    # Beside the fan a rim remains, and what the hull closes above the curved probe.
    assert (found.inside & ~truth).sum() < 0.25 * truth.sum()


def test_what_moves_is_the_picture_even_beside_a_larger_texture():
    image = np.hstack([speckle(400, 300, 99), np.zeros((400, 40), np.uint8), speckle(400, 100)])
    motion = np.zeros(find_motion_shape(image), np.uint8)
    motion[:, int(345 / 440 * motion.shape[1]) :] = 50
    (still,) = find_pictures(image, [])
    assert still.box.left == 0
    (moving,) = find_pictures(image, [], motion)
    assert 325 <= moving.box.left <= 350
    # A frozen clip: nothing moves, so texture decides again.
    (frozen,) = find_pictures(image, [], np.zeros_like(motion))
    assert frozen == still


def find_motion_shape(image: np.ndarray) -> tuple[int, int]:
    scale = 384 / max(image.shape)
    return round(image.shape[0] * scale), round(image.shape[1] * scale)


def test_picture_without_surround_is_not_cut():
    (found,) = find_pictures(speckle(200, 300), [])
    assert (found.box, found.inside) == (Box(0, 0, 300, 200), None)


def test_black_margins_are_cut():
    image = np.zeros((300, 300), np.uint8)
    image[40:260] = speckle(220, 300)
    (found,) = find_pictures(image, [])
    assert (found.box.left, found.box.right) == (0, 300)
    assert abs(found.box.top - 40) <= 6
    assert abs(found.box.bottom - 260) <= 6


def test_two_pictures_beside_each_other():
    image = np.zeros((300, 620), np.uint8)
    image[40:260, 20:300], image[40:260, 330:600] = speckle(220, 280), speckle(220, 270, 1)
    left, right = find_pictures(image, [])
    assert left.box.right <= 306
    assert right.box.left >= 324
    # Below each other: a picture and its M-mode strip; the larger one is taken.
    stacked = np.zeros((400, 300), np.uint8)
    stacked[10:220], stacked[250:390] = speckle(210, 300), speckle(140, 300, 1)
    (found,) = find_pictures(stacked, [])
    assert found.box.bottom < 235


@pytest.mark.parametrize('column', [180, 200, 231])
def test_seam_without_a_gap(column):
    dark = (speckle(240, 400 - column, 1) * 0.25).astype(np.uint8)
    joined = np.hstack([speckle(240, column), dark])
    assert abs(find_seam(joined) - column) <= 1
    left, right = find_pictures(joined, [])
    assert left.box.right == right.box.left
    assert find_seam(speckle(240, 400)) is None


def test_real_pictures_have_no_seam_but_pairs_have(shared_data):
    paths = sorted((shared_data / 'BUSI').rglob('*).png'))[::10]
    pictures = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in paths]
    assert [find_seam(picture) for picture in pictures] == [None] * len(pictures)
    halves = [cv2.resize(picture, (200, 240)) for picture in pictures]
    pairs = [np.hstack(pair) for pair in zip(halves[::2], halves[1::2], strict=True)]
    seams = [find_seam(pair) for pair in pairs]
    assert np.mean([seam is not None and abs(seam - 200) <= 2 for seam in seams]) > 0.85


def as_jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    _, data = cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)


def test_edges_of_a_codec_s_blocks_are_no_seam(shared_data):
    paths = sorted((shared_data / 'BUSI').rglob('*).png'))[::10]
    pictures = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in paths]
    for quality in (10, 20, 30):
        assert [find_seam(as_jpeg(picture, quality)) for picture in pictures] == [None] * 30
    halves = [cv2.resize(picture, (200, 240)) for picture in pictures]
    pairs = [np.hstack(pair) for pair in zip(halves[::2], halves[1::2], strict=True)]
    assert sum(find_seam(as_jpeg(pair, 20)) is not None for pair in pairs) >= len(pairs) - 1


def test_lung_clips_are_no_split_screens(shared_data, no_text_search):
    """Seven of 37 clips in which the median of dark frames steps at the edge of a block."""
    options = Options(frames_per_second=2)
    for name in ('12_R1', '13_L3', '21_L1', '37_L1', '3_R2_2', '44_R1', '9_L3'):
        path = shared_data / 'COVID-BLUES' / 'lus_videos' / f'patient_{name}.mp4'
        if not path.is_file():
            pytest.skip('the clips of COVID-BLUES are not here')
        extraction = extract(path, options)
        assert any(True for _ in extraction.pictures), name
        assert 'split screen' not in extraction.rejects, name


def test_colour_but_no_tint_is_coloured():
    grey = speckle(200, 300)
    picture = np.stack([grey] * 3, -1)
    assert coloured_share(grey) == coloured_share(picture) == 0
    sepia = np.stack([grey, grey * 0.8, grey * 0.5], -1).astype(np.uint8)
    assert coloured_share(sepia) < 0.001
    steps = np.where(np.indices(grey.shape)[1] < 150, 100, 200).astype(np.uint8)
    tinted = np.stack([steps, steps * 0.8, steps * 0.5], -1).astype(np.uint8)
    assert coloured_share(tinted) == 0  # its brightest level is half of it
    for tissue in (picture, sepia):
        doppler = tissue.copy()
        doppler[50:100, 100:160] = (220, 40, 20)
        assert coloured_share(doppler) == pytest.approx(50 * 60 / 60_000, rel=0.1)
    callipers = picture.copy()
    callipers[100, 50:250] = (0, 255, 0)
    assert coloured_share(callipers) == 0
    photo = np.random.default_rng(0).integers(0, 255, (8, 12, 3)).astype(np.uint8)
    assert coloured_share(cv2.resize(photo, (300, 200))) > 0.5


def test_drawings_and_masks_are_told_from_pictures(shared_data):
    assert is_drawing(np.zeros((50, 50), np.uint8))
    outline = cv2.ellipse(np.zeros((200, 300), np.uint8), (150, 100), (80, 60), 0, 0, 360, 255, 2)
    assert is_drawing(cv2.resize(outline, (260, 170)))
    assert not is_drawing(speckle(200, 300))
    assert not is_drawing(screen())  # flat but for its sector
    for folder, masks in (('BUSI', '*_mask*.png'), ('HC18', '*_Annotation.png')):
        paths = sorted((shared_data / folder).rglob('*.png'))
        marked = set((shared_data / folder).rglob(masks))
        for path in paths[::9]:
            image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
            assert is_drawing(image) == (path in marked), path.name


def test_masks_saved_as_jpeg_are_drawings(shared_data):
    """At half size, where edges are smoothed as well; before: 61 of 100, 18 of 47 and none."""
    for folder, masks, scale, least in (
        ('BUSI', '*_mask*.png', 1, 1.0),
        ('HC18', '*_Annotation.png', 1, 1.0),
        ('USGRA', 'masks/*.png', 127, 0.95),
    ):
        images = [
            cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) * scale
            for path in sorted((shared_data / folder).rglob(masks))[::4]
        ]
        halves = [cv2.resize(image, None, fx=0.5, fy=0.5) for image in images if image.any()]
        for quality in (50, 75, 95):
            found = [is_drawing(as_jpeg(half, quality)) for half in halves]
            assert np.mean(found) >= least, (folder, quality)
    paths = [
        *(shared_data / 'USGRA').rglob('images/*.png'),
        *(shared_data / 'BUSI').rglob('*).png'),
    ]
    pictures = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in sorted(paths)[::4]]
    assert not any(is_drawing(as_jpeg(picture, 20)) for picture in pictures)
    assert not any(is_drawing(picture // 3) for picture in pictures)


def test_faults():
    assert fault(speckle(100, 40), 48) == 'too small'
    assert fault(np.full((100, 100), 7, np.uint8), 48) == 'blank'
    assert fault(np.tile(np.uint8([0, 255]), (100, 50)), 48) == 'mask or drawing'
    assert fault(speckle(100, 100), 48) is None


def test_thumbnails_compare_as_correlation():
    first, second = speckle(64, 64), speckle(64, 64, 1)
    small = [cv2.resize(image, (32, 32), interpolation=cv2.INTER_AREA) for image in (first, second)]
    expected = np.corrcoef(small[0].ravel(), small[1].ravel())[0, 1]
    assert thumbnail(first) @ thumbnail(second) == pytest.approx(expected, abs=1e-4)
    assert thumbnail(first) @ thumbnail(first // 2) > 0.99


def test_layout_of_a_clip_names_what_it_removes():
    frames = [screen(seed) for seed in range(4)]
    left, top, right, bottom = SECTOR
    layout = lay_out(frames, (Box(100, 40, 600, 440),), still=False)
    (view,) = layout.views
    assert layout.fault is None
    assert view.box.left > 100
    assert abs(view.box.top - top) < 25
    assert abs(view.box.bottom - bottom) < 12
    assert view.removed[:2] == (
        'screen outside the ultrasound region',
        'screen outside the picture',
    )
    black = np.zeros_like(frames[0])
    assert lay_out([black] * 5 + frames, (), still=False).views[0].box.height < 330
    assert lay_out([black], (), still=True).fault == 'mask or drawing'
