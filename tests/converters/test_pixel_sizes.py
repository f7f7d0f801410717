"""Sizes of pixels in mm that volumes, DICOM files and a release's table tell are kept."""

import cv2
import numpy as np
import pytest
from PIL import Image

from support.annotated import NAMES, SHAPE, prepare, two_structures
from support.release_files import image
from usfm_mm.io.spacing import SPACING_FILE, read_spacing

LABELS = ('--classes', 'liver', 'cyst')


@pytest.mark.parametrize(
    ('ending', 'spacing', 'known'),
    [('.nii.gz', (0.3, 0.5, 2.0), True), ('.mha', (0.3, 0.5, 2.0), True), ('.mha', None, False)],
)
def test_volumes(tmp_path, ending, spacing, known):
    sitk = pytest.importorskip('SimpleITK')
    own = tmp_path / 'own'
    own.mkdir()
    for i, name in enumerate(NAMES):
        pixels = np.random.default_rng(i).integers(0, 256, (2, *SHAPE), np.uint8)
        for end, array in (('', pixels), ('_seg', np.stack([two_structures(i)] * 2))):
            volume = sitk.GetImageFromArray(array)
            volume.SetSpacing(spacing or (1.0, 1.0, 1.0))
            sitk.WriteImage(volume, str(own / f'{name}{end}{ending}'))
    prepare('volumes', own, tmp_path / 'out', *LABELS)
    found = read_spacing(tmp_path / 'out')
    assert (tmp_path / 'out' / SPACING_FILE).is_file() == known
    if known:
        assert set(found) == {f'{name}_{k}' for name in NAMES for k in (0, 1)}
        np.testing.assert_allclose(list(found.values()), [(0.5, 0.3)] * len(found), rtol=1e-6)


def test_nifti_without_a_unit_tells_none(tmp_path):
    nib = pytest.importorskip('nibabel')
    (tmp_path / 'own').mkdir()
    for i, name in enumerate(NAMES):
        for end, array in (('', np.full(SHAPE, i, np.uint8)), ('_seg', two_structures(i))):
            volume = nib.Nifti1Image(array.T[..., None], np.diag([0.3, 0.5, 2, 1]))
            nib.save(volume, tmp_path / 'own' / f'{name}{end}.nii')
    prepare('volumes', tmp_path / 'own', tmp_path / 'out', *LABELS)
    assert read_spacing(tmp_path / 'out') == {}


def test_dicom(tmp_path):
    pytest.importorskip('highdicom')
    from support.ultrasound_dicom import write_dicom
    from usfm_mm.inference.formats.dicom_seg import read_header, write_dicom_seg

    class Card:
        classes = ('background', 'liver', 'cyst')

    own = tmp_path / 'own'
    own.mkdir()
    for i, name in enumerate(NAMES):
        pixels = np.random.default_rng(i).integers(0, 256, (1, *SHAPE), np.uint8)
        told = dict(PixelSpacing=[0.2, 0.1]) if i % 2 else {}
        path = write_dicom(own / f'{name}.dcm', pixels, PatientID=name, **told)
        write_dicom_seg(own / f'{name}_seg.dcm', two_structures(i), 0, read_header(path), Card())
    prepare('dicom', own, tmp_path / 'out')
    assert read_spacing(tmp_path / 'out') == dict.fromkeys(NAMES[1::2], (0.2, 0.1))


def test_hc18_has_a_table_of_them(tmp_path):
    folder = tmp_path / 'source' / 'training_set'
    lines = ['filename,pixel size(mm),head circumference (mm)']
    for i in range(8):
        image(folder / f'{i:03}_HC.png')
        canvas = np.zeros(SHAPE, np.uint8)
        cv2.ellipse(canvas, (25, 20), (10 + i % 5, 8), 0, 0, 360, 255, 1)
        Image.fromarray(canvas).save(folder / f'{i:03}_HC_Annotation.png')
        lines.append(f'{i:03}_HC.png,0.{i + 1},44.3')
    table = folder.parent / 'training_set_pixel_size_and_HC.csv'
    table.write_text('\n'.join(lines) + '\n')
    prepare('hc18', folder.parent, tmp_path / 'out')
    found = read_spacing(tmp_path / 'out')
    assert len(found) == 8
    assert found['002_HC'] == (0.3, 0.3)
    table.write_text('filename,size\n000_HC.png,1\n')
    with pytest.raises(ValueError, match=r'pixel_size_and_HC.csv is not as released'):
        prepare('hc18', folder.parent, tmp_path / 'again')
