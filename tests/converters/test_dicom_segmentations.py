"""DICOM images with segmentations that highdicom wrote, of single images and of clips."""

from types import SimpleNamespace

import numpy as np
import pytest

pydicom = pytest.importorskip('pydicom')
pytest.importorskip('highdicom')

from support.annotated import SHAPE, index_rows, prepare, printed, two_structures
from support.ultrasound_dicom import write_dicom
from usfm_mm.inference.formats.dicom_seg import read_header, write_dicom_seg
from usfm_mm.io.image import read_grey

CARD = SimpleNamespace(classes=('background', 'liver', 'cyst'))
NAMES = [f'scan{letter}' for letter in 'abcdefgh']


def pixels(number, frames=1):
    rng = np.random.default_rng(number)
    return rng.integers(0, 256, (frames, *SHAPE), np.uint8)


def segment(source, path, mask, frame=0):
    write_dicom_seg(path, mask, frame, read_header(source), CARD)


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    """Six single images of three patients, one of them empty, and a clip with two frames told."""
    own = tmp_path_factory.mktemp('dicom')
    for i, name in enumerate(NAMES[:6]):
        image = write_dicom(own / f'{name}.dcm', pixels(i), PatientID=f'secret{i // 2}')
        if i < 5:
            segment(image, own / 'seg' / f'{name}.dcm', two_structures(i))
    seg = pydicom.dcmread(own / 'seg/scana.dcm')  # refers to the empty image, too
    [series] = seg.ReferencedSeriesSequence
    more = pydicom.Dataset()
    more.ReferencedSOPClassUID = series.ReferencedInstanceSequence[0].ReferencedSOPClassUID
    more.ReferencedSOPInstanceUID = read_header(own / 'scanf.dcm').SOPInstanceUID
    series.ReferencedInstanceSequence.append(more)
    seg.save_as(own / 'seg/scana.dcm')
    clip = write_dicom(own / 'clip.dcm', pixels(9, 4), PatientID='secret9')
    for frame in (1, 3):
        segment(clip, own / 'seg' / f'clip{frame}.dcm', two_structures(frame), frame)
    return own


@pytest.fixture
def source(made, tmp_path):
    import shutil

    return shutil.copytree(made, tmp_path / 'own')


def test_images_and_frames(source, tmp_path, capsys):
    found = prepare('folder', source, tmp_path / 'out')
    shown = printed(capsys)
    assert '(usfm prepare dicom); 0 background, 1 liver, 2 cyst.' in shown
    assert 'Left out: 2 frames of clips that no segmentation refers to.' in shown
    wanted = {name: two_structures(i) for i, name in enumerate(NAMES[:5])}
    wanted |= {'scanf': np.zeros(SHAPE), 'clip_002': two_structures(1)}
    wanted |= {'clip_004': two_structures(3)}
    assert found.keys() == wanted.keys()
    for name, mask in wanted.items():
        np.testing.assert_array_equal(found[name], mask)
    np.testing.assert_array_equal(read_grey(tmp_path / 'out/images/clip_004.png'), pixels(9, 4)[3])
    np.testing.assert_array_equal(read_grey(tmp_path / 'out/images/scanb.png'), pixels(1)[0])
    rows = index_rows(tmp_path / 'out')
    assert [rows[n]['patient'] for n in ('scana', 'scanb', 'scanf', 'clip_002')] == [
        *('p001', 'p001', 'p003', 'p004')
    ]
    assert rows['clip_002']['split'] == rows['clip_004']['split']
    written = b''.join(path.read_bytes() for path in (tmp_path / 'out').glob('*.*s*'))
    assert b'secret' not in written


WRONG = {
    'no segmentation': (
        lambda s: (s / 'seg/scanb.dcm').unlink(),
        r'scanb.dcm has no segmentation: add one',
    ),
    'image missing': (
        lambda s: (s / 'scanb.dcm').unlink(),
        r'seg/scanb.dcm, frame 1 refers to the image [\d.]+, which is not here',
    ),
    'another size': (
        lambda s: resize(s / 'scanb.dcm'),
        r'seg/scanb.dcm is 50×40 pixels, its image 60×40',
    ),
    'a frame too many': (
        lambda s: refer(s / 'seg/clip3.dcm', 9),
        r'seg/clip3.dcm, frame 1 refers to frame 9 of .*clip.dcm, which has 4',
    ),
    'damaged': (
        lambda s: (s / 'seg/scanb.dcm').write_bytes((s / 'seg/scanb.dcm').read_bytes()[:900]),
        r'seg/scanb.dcm is damaged|scanb.dcm has no segmentation',
    ),
    'one instance twice': (
        lambda s: (s / 'again.dcm').write_bytes((s / 'scana.dcm').read_bytes()),
        r'scana.dcm and .*again.dcm are the same instance',
    ),
}


def resize(path):
    header = pydicom.dcmread(path, stop_before_pixels=True)
    told = {name: header[name].value for name in ('SOPInstanceUID', 'PatientID')}
    write_dicom(path, np.zeros((1, 40, 60), np.uint8), **told)


def refer(path, frame):
    seg = pydicom.dcmread(path)
    for item in seg.PerFrameFunctionalGroupsSequence:
        item.DerivationImageSequence[0].SourceImageSequence[0].ReferencedFrameNumber = frame
    seg.save_as(path)


@pytest.mark.parametrize('wrong', WRONG)
def test_wrong_ones_are_named(source, tmp_path, wrong):
    change, message = WRONG[wrong]
    change(source)
    with pytest.raises(ValueError, match=message):
        prepare('dicom', source, tmp_path / 'out')


def test_a_class_that_is_not_wanted(source, tmp_path):
    with pytest.raises(ValueError, match="class 'cyst' is not one of those given by --classes"):
        prepare('dicom', source, tmp_path / 'out', '--classes', 'liver')
