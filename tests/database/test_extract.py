"""Whole files to pictures: the rules, the counts and the text that must be gone."""

import subprocess
import sys
from functools import cache
from itertools import pairwise

import av
import cv2
import numpy as np
import pytest
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.sequence import Sequence
from pydicom.uid import JPEG2000Lossless
from rapidocr_onnxruntime import RapidOCR

from support.scanner_screens import (
    damage_second_frame,
    dicom,
    region,
    save,
    screen,
    sector,
    speckle,
    write,
)
from usfm_mm.database.extract import extract
from usfm_mm.database.screen.text import find_text, paint_over
from usfm_mm.database.types import FRAME_REASONS, REMOVALS, Options, RejectedError

ALL = Options(doppler='keep', split_screens='keep', frames_per_second=None, similarity=1)


def run(path, options=ALL):
    extraction = extract(path, options)
    pictures = list(extraction.pictures)
    for picture in pictures:
        assert picture.pixels.dtype == np.uint8
        assert picture.pixels.ndim == 2
        assert set(picture.removed) <= set(REMOVALS)
    assert set(extraction.rejects) <= set(FRAME_REASONS)
    return pictures, dict(extraction.rejects)


def save_png(path, image):
    cv2.imwrite(str(path), image[..., ::-1] if image.ndim == 3 else image)
    return path


@cache
def _stock_ocr() -> RapidOCR:
    return RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)


def words(image: np.ndarray) -> list[str]:
    """What another setting of the OCR reads: its own scale, its own threshold."""
    found, _ = _stock_ocr()(cv2.cvtColor(np.pad(image, 40), cv2.COLOR_GRAY2BGR), use_cls=False)
    return [text for _, text, score in found or [] if len(text) > 1 and score > 0.6]


@pytest.mark.parametrize(
    ('name', 'pictures'), [('rgb_color', {1, 2}), ('palette', {1}), ('ybr_color', {4})]
)
def test_no_text_is_left_on_the_examples(name, pictures):
    path = get_testdata_file(f'examples_{name}.dcm')
    # Flow that is kept may be taken for text, here for so much that the screen is left whole.
    keep = dict(doppler='keep', split_screens='keep', report_pages='keep')
    options = Options(frames_per_second=4, **keep)
    found, rejects = run(path, options)
    assert len(found) in pictures
    for picture in found:
        assert words(picture.pixels) == []
        assert picture.pixels.std() > 15
        if name != 'rgb_color':
            assert 'screen outside the picture' in picture.removed
    if name == 'rgb_color':
        assert run(path, Options())[0] == []
    if name == 'ybr_color':
        assert [picture.frame for picture in found] == [0, 8, 16, 24]
        assert rejects == {'thinned by rate': 21}


def test_text_over_the_picture_is_painted_over_and_the_rest_stays(tmp_path):
    clean, _ = sector()
    image = screen(text=('MILLER ANNA',))
    write(image, 'DOE JOHN 1980', 250, 260)
    before = ' '.join(words(image))
    assert 'MILLER' in before
    assert 'DOE' in before
    ((picture,), _) = run(save_png(tmp_path / 'a.png', image))
    assert words(picture.pixels) == []
    assert 'burned-in text painted over' in picture.removed
    # Away from the line of text, pixels are the scanner's.
    best = cv2.matchTemplate(clean, picture.pixels[:120], cv2.TM_CCORR_NORMED).max()
    assert best > 0.999
    _, rejects = run(tmp_path / 'a.png', Options(text='reject'))
    assert rejects == {'burned-in text': 1}


def test_text_in_one_frame_of_a_clip_is_found(tmp_path):
    frames = np.stack([screen(seed) for seed in range(10, 15)])
    write(frames[3], 'DOE JOHN', 260, 260)
    path = save(dicom(frames), tmp_path / 'a.dcm')
    pictures, _ = run(path)
    assert [picture.frame for picture in pictures] == [0, 1, 2, 3, 4]
    assert words(pictures[3].pixels) == []
    changed = [
        i for i, picture in enumerate(pictures) if 'burned-in text painted over' in picture.removed
    ]
    assert changed == [3]
    # The price of searching once per clip, which the option's text names.
    once = Options(frames_per_second=None, similarity=1, text_search='once per clip')
    pictures, _ = run(path, once)
    assert words(pictures[3].pixels) != []


def test_text_on_a_late_page_of_a_rare_size_is_found(tmp_path):
    """The survey takes every second page and so meets one of the two sizes alone."""
    pages = [speckle(100, 160 + 20 * (i % 2), i) // 2 for i in range(20)]
    write(pages[5], 'DOE JOHN', 20, 60, grey=255)
    images = [Image.fromarray(page) for page in pages]
    images[0].save(tmp_path / 'a.tif', save_all=True, append_images=images[1:])
    pictures, _ = run(tmp_path / 'a.tif')
    assert len(pictures) == 20
    assert words(pages[5]) != []
    assert words(pictures[5].pixels) == []


def test_painting_uses_nothing_of_what_is_inside():
    image = speckle(100, 200)
    other = image.copy()
    (box,) = [find_box(image.shape)]
    box.cut(other)[:] = 255
    np.testing.assert_array_equal(paint_over(image, [box]), paint_over(other, [box]))


def find_box(shape):
    from usfm_mm.database.readers.clip import Box

    return Box(40, 30, 120, 55)


def test_speckle_is_not_taken_for_text(shared_data):
    paths = sorted((shared_data / 'USGRA').rglob('images/*.png'))[::25]
    images = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in paths]
    assert sum(len(find_text(image)) for image in images) <= 1


def test_clip_is_thinned_by_rate_and_by_similarity(tmp_path):
    frames = np.stack([speckle(100, 120, seed // 4) for seed in range(24)])
    path = save(dicom(frames, CineRate=24), tmp_path / 'a.dcm')
    pictures, rejects = run(path, Options(frames_per_second=12, text_search='once per clip'))
    # Every second frame is looked at, and each picture stays for four.
    assert [picture.frame for picture in pictures] == [0, 4, 8, 12, 16, 20]
    assert rejects == {'thinned by rate': 11, 'similar to the frame before': 6}


def test_damaged_frame_is_counted_and_a_cut_off_file_rejected(tmp_path):
    dataset = dicom(np.stack([speckle(100, 120, seed) for seed in range(3)]))
    dataset.compress(JPEG2000Lossless)
    path = save(dataset, tmp_path / 'a.dcm')
    damage_second_frame(path)
    pictures, rejects = run(path)
    assert [picture.frame for picture in pictures] == [0, 2]
    assert rejects == {'damaged frame': 1}

    dataset = dicom(speckle(100, 120)[None])
    dataset.compress(JPEG2000Lossless)
    path = save(dataset, tmp_path / 'b.dcm')
    path.write_bytes(path.read_bytes()[:-9000])
    with pytest.raises(RejectedError) as rejected:
        extract(path, ALL)
    assert rejected.value.reason == 'truncated'


def test_regions_cut_the_picture_and_two_are_a_split_screen(tmp_path):
    image = np.zeros((300, 640), np.uint8)
    image[20:280, 20:300], image[20:280, 330:620] = speckle(260, 280, 2), speckle(260, 290, 1)
    dataset = dicom(image[None])
    boxes = [(20, 20, 299, 279), (330, 20, 619, 279)]
    dataset.SequenceOfUltrasoundRegions = Sequence([region(*boxes[0])])
    ((picture,), _) = run(save(dataset, tmp_path / 'a.dcm'))
    np.testing.assert_array_equal(picture.pixels, image[20:280, 20:300])
    assert picture.removed == ('screen outside the ultrasound region',)
    dataset.SequenceOfUltrasoundRegions = Sequence([region(*box) for box in boxes])
    path = save(dataset, tmp_path / 'b.dcm')
    assert run(path, Options()) == ([], {'split screen': 1})
    pictures, _ = run(path)
    np.testing.assert_array_equal(pictures[1].pixels, image[20:280, 330:620])
    assert [picture.frame for picture in pictures] == [0, 0]


def test_report_page_is_left_out_or_painted(tmp_path):
    page = np.full((480, 640), 255, np.uint8)
    for number in range(6):
        write(page, f'Diameter {number * 1.7:.1f} cm', 40, 40 + 60 * number, grey=0)
    path = save_png(tmp_path / 'a.png', page)
    assert run(path) == ([], {'report page': 1})
    page[:, 400:] = speckle(480, 240)
    ((picture,), _) = run(save_png(path, page))
    assert picture.pixels.shape[1] < 260


def test_colour_overlay_photograph_and_mask(tmp_path):
    grey = speckle(200, 300)
    doppler = np.stack([grey] * 3, -1)
    doppler[50:120, 100:180] = (230, 60, 20)
    path = save_png(tmp_path / 'a.png', doppler)
    assert run(path, Options()) == ([], {'colour overlay': 1})
    ((picture,), _) = run(path)
    assert 'colour turned grey' in picture.removed
    # OpenCV's luma within one level of Pillow's and ours.
    assert picture.pixels[80, 140] == pytest.approx(0.299 * 230 + 0.587 * 60 + 0.114 * 20, abs=1)
    noise = np.random.default_rng(0).integers(0, 255, (20, 30, 3)).astype(np.uint8)
    path = save_png(tmp_path / 'b.png', cv2.resize(noise, (300, 200)))
    assert run(path) == ([], {'mostly coloured': 1})
    path = save_png(tmp_path / 'c.png', np.where(grey > 90, 255, 0).astype(np.uint8))
    assert run(path) == ([], {'mask or drawing': 1})


def test_libraries_of_the_kinds_are_imported_when_needed():
    code = """
import sys
import usfm_mm.database.extract
heavy = {'pydicom', 'av', 'onnxruntime', 'SimpleITK', 'PIL', 'torch'} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, '-c', code], check=True)


def test_real_clip_twice_gives_the_same_pictures(shared_data):
    path = shared_data / 'POCUS' / 'Reg_Image_181739_trimmed_crop.mp4'
    options = Options(frames_per_second=1)
    first, rejects = run(path, options)
    second, _ = run(path, options)
    assert 3 <= len(first) <= 4
    assert rejects['thinned by rate'] == 3 * 28
    assert all(a.frame < b.frame for a, b in pairwise(first))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)
        # The fan is wider than high and fills the picture.
        assert one.pixels.shape[0] > 340


def test_a_long_clip_gives_as_many_frames_as_asked_for(tmp_path):
    """Evenly spread; whether the file tells how many it has, as DICOM does, or not."""
    dicom_path = save(dicom(np.stack([speckle(64, 96, i) for i in range(30)])), tmp_path / 'a.dcm')
    with av.open(str(tmp_path / 'a.avi'), 'w') as container:
        stream = container.add_stream('mjpeg', rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, 'yuvj420p'
        for i in range(30):
            frame = av.VideoFrame.from_ndarray(np.stack([speckle(64, 96, i)] * 3, -1), 'rgb24')
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    for path in (dicom_path, tmp_path / 'a.avi'):
        options = Options(frames_per_clip=8, frames_per_second=None, similarity=1)
        extraction = extract(path, options)
        frames = [picture.frame for picture in extraction.pictures]
        assert frames == [0, 4, 8, 12, 16, 20, 24, 28]
        assert extraction.rejects['thinned by rate'] == 21
        options = Options(frames_per_clip=0, frames_per_second=None, similarity=1)
        assert len(list(extract(path, options).pictures)) == 30
