"""Size of a pixel in mm: read from headers, and right after cutting and resizing."""

import sqlite3

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import Dataset, Sequence

from support import scanner_screens
from support.made_up import rows, run, write_dicom, write_folder
from usfm_mm.database.options import Settings
from usfm_mm.database.places import default_journal_folder
from usfm_mm.database.readers import open_clip
from usfm_mm.database.readers.spacing import spacing_of_dicom
from usfm_mm.database.types import Options
from usfm_mm.io.image import read_grey
from usfm_mm.io.index import read_index

pytestmark = pytest.mark.usefixtures('no_text_search')

# Pixels of the shape that is drawn on a screen, and mm of one of them; both high and wide.
SHAPE, MM = (120, 80), (0.3, 0.2)


def calibrated(dx, dy, kind=1, units=3):
    item = Dataset()
    item.RegionSpatialFormat = kind
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = units
    item.PhysicalDeltaX, item.PhysicalDeltaY = dx, dy
    return item


@pytest.mark.parametrize(
    ('regions', 'expected'),
    [
        ([calibrated(0.01, -0.02)], (0.2, 0.1)),  # cm; counted upwards
        (
            [calibrated(0.01, 0.02), calibrated(0.5, 0.5, kind=3)],
            (0.2, 0.1),
        ),  # and a spectrum
        ([calibrated(0.01, 0.02), calibrated(0.03, 0.02)], None),
        ([calibrated(0.01, 0.02, units=4)], (3.0, 3.0)),  # seconds: Pixel Spacing tells
        ([calibrated(0.0, 0.02)], None),
    ],
)
def test_calibration_of_regions(regions, expected):
    header = Dataset()
    header.SequenceOfUltrasoundRegions = Sequence(regions)
    header.PixelSpacing = [3.0, 3.0]
    assert spacing_of_dicom(header) == (pytest.approx(expected) if expected else None)


@pytest.mark.parametrize('values', [[0.0, 1.0], ['nan', 1], [1.0], ['a', 'b'], [1, 2, 3]])
def test_values_that_are_no_spacing(values):
    assert spacing_of_dicom({'PixelSpacing': values}) is None


def screen_file(path, bottom=380, **fields):
    """A scanner's screen with a bright rectangle in the sector, and the sector's calibration."""
    frame = np.minimum(scanner_screens.screen(text=()), 120)
    middle = (200, 320)
    top, left = (place - side // 2 for place, side in zip(middle, SHAPE, strict=True))
    frame[top : top + SHAPE[0], left : left + SHAPE[1]] = 250
    item = scanner_screens.region(150, 60, 490, bottom)
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
    item.PhysicalDeltaY, item.PhysicalDeltaX = (mm / 10 for mm in MM)
    write_dicom(path, frame, SequenceOfUltrasoundRegions=Sequence([item]), **fields)
    return path


@pytest.mark.parametrize('size', [0, 96, 256])
def test_a_shape_of_known_size(tmp_path, size):
    screen_file(tmp_path / 'source/scan')
    run([tmp_path / 'source'], tmp_path / 'out', tmp_path, settings=Settings(size=size))
    (row,) = rows(tmp_path / 'out')
    image = read_grey(tmp_path / 'out' / row['path'])
    assert image.shape != (480, 640)  # it was cut out of the screen
    shape = image > 185
    high, wide = shape.any(axis=1).sum(), shape.any(axis=0).sum()
    assert high * row['_row_mm'] == pytest.approx(SHAPE[0] * MM[0], abs=row['_row_mm'])
    assert wide * row['_column_mm'] == pytest.approx(SHAPE[1] * MM[1], abs=row['_column_mm'])
    area = shape.sum() * row['_row_mm'] * row['_column_mm']
    assert area == pytest.approx(np.prod(SHAPE) * np.prod(MM), rel=0.02)
    assert read_index(tmp_path / 'out').column_names == ['path', 'organ', 'center', 'device'] + (
        ['patient', 'split']
    )


def test_regions_of_another_picture_tell_nothing(tmp_path):
    path = screen_file(tmp_path / 'scan', bottom=600, PixelSpacing=[1, 1])
    assert open_clip(path, Options()).spacing is None
    path = screen_file(tmp_path / 'scan', PixelSpacing=[1, 1])
    assert open_clip(path, Options()).spacing == pytest.approx(MM)


@pytest.mark.parametrize(
    ('unit', 'expected'), [('mm', (0.5, 0.3)), ('micron', (5e-4, 3e-4)), ('unknown', None)]
)
@pytest.mark.parametrize('kind', [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_nifti(tmp_path, kind, unit, expected):
    volume = kind(np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3), None)
    volume.header.set_zooms((0.3, 0.5, 2.0))
    volume.header.set_xyzt_units(unit)
    nibabel.save(volume, tmp_path / 'v.nii.gz')
    clip = open_clip(tmp_path / 'v.nii.gz', Options())
    assert next(clip.read(1))[1].shape == (6, 4)
    assert clip.spacing == (pytest.approx(expected, rel=1e-6) if expected else None)


@pytest.mark.parametrize('name', ['v.mha', 'v.mhd'])
def test_metaimage(tmp_path, name):
    volume = sitk.GetImageFromArray(np.arange(3 * 6 * 4, dtype=np.uint8).reshape(3, 6, 4))
    volume.SetSpacing((0.3, 0.5, 2.0))
    path = tmp_path / name
    sitk.WriteImage(volume, str(path))
    assert open_clip(path, Options()).spacing == (0.5, 0.3)
    whole = path.read_bytes()
    for old, new in ((b'ElementSpacing', b'Remark'), (b'NDims', b'DistanceUnits = cm\nNDims')):
        path.write_bytes(whole.replace(old, new))
        assert open_clip(path, Options()).spacing is None


def test_a_journal_made_before_is_taken(tmp_path):
    source, out = write_folder(tmp_path / 'source', 2), tmp_path / 'out'
    run([source], out, tmp_path)
    journal = default_journal_folder(tmp_path / 'secret.key', out) / 'journal.sqlite'
    with sqlite3.connect(journal) as db:
        for column in ('row_mm', 'column_mm'):
            db.execute(f'ALTER TABLE images DROP COLUMN {column}')
    db.close()
    screen_file(source / 'liver/scan')
    run([source], out, tmp_path)
    known = [row['_row_mm'] is not None for row in rows(out)]
    assert sorted(known) == [False, False, True]
