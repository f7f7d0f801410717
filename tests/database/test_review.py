"""Sheets to look at before a database is shared, and the list of who did."""

import csv
import hashlib
import os
import signal

import cv2
import numpy as np
import pytest

from support.made_up import content, rows, run, speckle, write_dicom, write_folder, write_image
from usfm_mm.commands.review_database import main
from usfm_mm.database import samples
from usfm_mm.database.extract import extract
from usfm_mm.database.options import Settings
from usfm_mm.database.places import default_journal_folder
from usfm_mm.database.readers.clip import Box
from usfm_mm.database.removal import remove_images
from usfm_mm.database.screen import text, view
from usfm_mm.database.types import PAINTED, Options
from usfm_mm.io.image import encode_png

PLATE = Box(6, 8, 46, 18)


@pytest.fixture(autouse=True)
def white_is_text(monkeypatch):
    """A white plate stands for text, so that no network is needed."""

    def find(image):
        return [PLATE] if image.shape == (64, 64) and (PLATE.cut(image) == 255).all() else []

    monkeypatch.setattr(text, 'find_text', find)
    monkeypatch.setattr(view, 'find_text', find)


def with_plate(seed):
    picture = speckle(seed)
    PLATE.cut(picture)[:] = 255
    return picture


@pytest.fixture
def built(tmp_path):
    """Of two devices, some with text, and two files of which nothing is taken."""
    source = write_folder(tmp_path / 'source', 6)
    for i, device in enumerate(('EPIQ $7$', 'Logiq/E9')):
        write_dicom(source / f'liver/{i}', speckle(20 + i), ManufacturerModelName=device)
        write_dicom(source / f'liver/t{i}', with_plate(30 + i), ManufacturerModelName=device)
    (source / 'liver/mask.png').write_bytes(encode_png(np.zeros((64, 64), np.uint8)))
    write_image(source / 'left/out.png', 40)
    (source / 'left/notes.txt').write_text('no picture')
    (source / 'liver/bad.png').write_bytes(b'\x89PNG\r\n\x1a\n')
    return source


def build(source, tmp_path, **options):
    rules = "device: [{field: ManufacturerModelName}]\nexclude: ['/left/']\n"
    run([source], tmp_path / 'out', tmp_path, rules=rules, **options)
    return tmp_path / 'out', default_journal_folder(tmp_path / 'secret.key', tmp_path / 'out')


def review(tmp_path, *more):
    main([str(tmp_path / 'out'), '--key-file', str(tmp_path / 'secret.key'), *more])


def test_sheets(built, tmp_path, monkeypatch):
    out, private = build(built, tmp_path, settings=Settings(packed=True))
    before, drawn = content(out), {}
    write = samples.Tile

    def tile(image, caption, prediction=None):
        drawn.setdefault(caption.replace('\n', ''), (image, prediction))
        return write(image, caption, prediction=prediction)

    monkeypatch.setattr(samples, 'Tile', tile)
    review(tmp_path)
    assert content(out) == before  # nothing of them is in the database
    sheets = sorted(path.name for path in (private / 'review').glob('*.png'))
    assert sheets == [
        'pictures_01_EPIQ_7.png',
        'pictures_02_Logiq_E9.png',
        'pictures_03_device_not_known.png',
        'rejected_01_excluded_by_rule.png',
        'rejected_02_mask_or_drawing.png',
        'text_01_EPIQ_7.png',
        'text_02_Logiq_E9.png',
    ]
    names = {row['path'][-36:-4]: row for row in rows(out)}
    assert names.keys() <= drawn.keys()  # every picture under its name, there being few
    files = {row['_file'] for row in rows(out)} & drawn.keys()
    assert len(files) == 2
    for file in files:
        image, outline = drawn[file]
        assert (PLATE.cut(image) == 255).all()
        inside = np.zeros_like(image)
        PLATE.cut(inside)[:] = 1
        assert ((outline > 0) == (inside > 0)).mean() > 0.99
    image, _ = drawn['afterframe 0']
    assert not (PLATE.cut(image) == 255).any()
    assert (drawn['out.png'][0] == speckle(40)).all()
    assert cv2.imread(str(private / 'review/text_01_EPIQ_7.png')).shape[1] > 500


def test_no_more_than_asked_for_and_the_same_for_a_seed(built, tmp_path, monkeypatch):
    _, private = build(built, tmp_path)
    drawn = []
    monkeypatch.setattr(samples, '_lines', lambda text: drawn.append(text) or '')
    for seed in ('0', '0', '1'):
        drawn.append(None)
        review(tmp_path, '--pictures', '2', '--seed', seed)
    first, again, other = ' '.join(name or '|' for name in drawn).split('|')[1:]
    assert first.split() == again.split() != other.split()
    assert len(first.split()) == 2 + 2 + 2 + 1 + 1 + 1 + 1  # of six images without a device, two


def test_signed_by_who_looked_at_this_very_content(built, tmp_path):
    out, private = build(built, tmp_path)
    with pytest.raises(ValueError, match='no sheets were drawn of what is in'):
        review(tmp_path, '--signed-by', 'A. Reader')
    review(tmp_path)
    with pytest.raises(ValueError, match='needs the name'):
        review(tmp_path, '--signed-by', '=1+1')
    review(tmp_path, '--signed-by', 'A. Reader')
    review(tmp_path, '--signed-by', 'Müller, B.')
    with open(out / 'signed_off.csv', encoding='utf-8', newline='') as file:
        signed = list(csv.DictReader(file))
    assert [row['name'] for row in signed] == ['A. Reader', 'Müller, B.']
    index = hashlib.sha256((out / 'index.parquet').read_bytes()).hexdigest()
    assert {(row['images'], row['index_sha256']) for row in signed} == {('10', index)}
    # The list stays, and the sheets go with what they showed.
    remove_images(out, [rows(out)[0]['path']], tmp_path / 'secret.key')
    assert not list((private / 'review').glob('*'))
    with pytest.raises(ValueError, match='no sheets were drawn of what is in'):
        review(tmp_path, '--signed-by', 'A. Reader')
    assert (out / 'signed_off.csv').is_file()


def test_sheets_stay_while_nothing_changes(built, tmp_path):
    _, private = build(built, tmp_path)
    review(tmp_path)
    before = content(private / 'review')
    build(built, tmp_path)
    assert content(private / 'review') == before
    (built / 'liver/t0').unlink()  # what is gone from its source is not read again
    review(tmp_path)
    assert not (private / 'review/text_01_EPIQ_7.png').exists()
    assert (private / 'review/pictures_01_EPIQ_7.png').exists()


def test_before_has_the_text_that_the_picture_has_not(tmp_path):
    write_dicom(tmp_path / 'a', with_plate(1))
    (picture,) = extract(tmp_path / 'a', Options()).pictures
    assert PAINTED in picture.removed
    assert (PLATE.cut(picture.before) == 255).all()
    assert picture.before.shape == picture.pixels.shape
    assert not (PLATE.cut(picture.pixels) == 255).any()


def test_a_file_that_kills_its_reader_is_no_picture(built, tmp_path, monkeypatch):
    """What is excluded may have been so for that."""
    _, private = build(built, tmp_path)
    (built / 'left/deadly.png').write_bytes(encode_png(speckle(41)))
    build(built, tmp_path)
    monkeypatch.setattr(samples, '_first_frames', dying)
    review(tmp_path)
    assert (private / 'review/rejected_01_excluded_by_rule.png').exists()


def dying(options, paths):
    if 'deadly' in paths[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    return [speckle(40)]
