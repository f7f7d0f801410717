"""Photographs, CT and MR pictures among the sources are told from ultrasound."""

import cv2
import numpy as np
import pytest
import skimage.data
from pydicom import dcmread
from pydicom.data import get_testdata_file

from support.made_up import rows, run, write_dicom, write_image
from usfm_mm.database.options import Settings
from usfm_mm.database.places import default_journal_folder
from usfm_mm.database.readers.clip import sample_range, to_8_bits
from usfm_mm.database.screen.plausible import is_plausible, texture
from usfm_mm.database.types import Options
from usfm_mm.io.image import encode_png, read_grey

PHOTOGRAPHS = ('camera', 'astronaut', 'coffee', 'cat', 'rocket', 'moon', 'coins', 'clock')


def photograph(name):
    picture = getattr(skimage.data, name)()
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if picture.ndim == 3 else picture


def test_photographs_ct_and_mr_are_not_plausible():
    # one that was blurred by motion passes
    assert [name for name in PHOTOGRAPHS if is_plausible(photograph(name))] == ['clock']
    for name in ('CT_small.dcm', 'MR_small.dcm', '693_J2KI.dcm'):
        values = dcmread(get_testdata_file(name)).pixel_array
        assert not is_plausible(to_8_bits(values, *sample_range(values))), name


@pytest.mark.parametrize(
    ('folder', 'pattern', 'most'),
    [
        ('BUSI', '*).png', 0),
        ('HC18', '*HC.png', 1),
        ('TimTrack', '*.png', 0),
        ('PICMUS', '*.png', 0),
        ('USAnotAI', '*.png', 1),
        ('USGRA', 'images/*.png', 0),
    ],
)
def test_real_ultrasound_is_plausible(shared_data, folder, pattern, most):
    paths = sorted((shared_data / folder).rglob(pattern))[::3]
    assert len(paths) >= 8
    assert sum(not is_plausible(read_grey(path)) for path in paths) <= most


def test_both_measures_decide():
    rng = np.random.default_rng(0)
    noise = cv2.GaussianBlur(rng.normal(size=(200, 200)), (0, 0), sigmaX=3, sigmaY=1.5)
    for level, speckled in ((0.05, False), (0.3, True)):
        wide = np.clip(120 + 120 * level * noise / noise.std(), 0, 255).astype(np.uint8)
        assert is_plausible(wide)
        assert texture(wide)[0] == pytest.approx(0.5, abs=0.1)
        # turned, the ratio tells nothing, and speckle must be strong
        assert is_plausible(np.ascontiguousarray(wide.T)) == speckled
    assert texture(np.zeros((50, 50), np.uint8)) == (1.0, 0.0)


def test_doubtful_pictures_are_counted_or_left_out(tmp_path, no_text_search):
    for i in range(3):
        write_image(tmp_path / f'source/liver/{i}.png', i, height=200, width=200)
    (tmp_path / 'source/holiday.png').write_bytes(encode_png(photograph('camera')))
    # a scanner's own word counts more
    write_dicom(tmp_path / 'source/a.dcm', photograph('moon'), PatientID='1')
    out = tmp_path / 'kept'
    text = run([tmp_path / 'source'], out, tmp_path)
    assert '1 images kept that look not like ultrasound' in text
    assert len(rows(out)) == 5
    assert '1 images look not like ultrasound' in (out / 'report.html').read_text()
    private = default_journal_folder(tmp_path / 'secret.key', out)
    named = (private / 'doubtful.csv').read_text().splitlines()
    assert len(named) == 2
    assert named[1].startswith(f'{tmp_path}/source/holiday.png,')

    out = tmp_path / 'skipped'
    settings = Settings(options=Options(implausible='skip'))
    text = run([tmp_path / 'source'], out, tmp_path, settings=settings)
    assert 'images kept that look' not in text
    assert len(rows(out)) == 4
    assert '<td>not like ultrasound</td><td class="n">1</td>' in (out / 'report.html').read_text()
