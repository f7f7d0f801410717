"""Masks in the formats of others, read back by these."""

import warnings
from types import SimpleNamespace

import highdicom
import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import dcmread, examples

from support.ultrasound_dicom import write_dicom
from usfm_mm.inference.formats.dicom_seg import read_header, write_dicom_seg
from usfm_mm.inference.formats.nifti import write_nifti
from usfm_mm.inference.frames import frames_of

CARD = SimpleNamespace(classes=['background', 'head', 'nerve'])
MASKS = np.random.default_rng(0).integers(0, 3, (3, 41, 61), np.uint8)


def test_dicom_seg_of_one_image(tmp_path):
    source = write_dicom(tmp_path / 'a.dcm', np.zeros((1, 41, 61), np.uint8))
    write_dicom_seg(tmp_path / 'seg' / 'a.dcm', MASKS[0], 0, read_header(source), CARD)
    found, original = highdicom.seg.segread(tmp_path / 'seg' / 'a.dcm'), dcmread(source)
    assert [segment.SegmentLabel for segment in found.SegmentSequence] == ['head', 'nerve']
    pixels = found.get_pixels_by_source_instance([original.SOPInstanceUID], combine_segments=True)
    np.testing.assert_array_equal(pixels[0], MASKS[0])
    assert (found.PatientID, found.StudyInstanceUID) == ('P1', original.StudyInstanceUID)
    plain = dcmread(tmp_path / 'seg' / 'a.dcm')
    assert plain.Modality == 'SEG'
    np.testing.assert_array_equal(plain.pixel_array, [MASKS[0] == 1, MASKS[0] == 2])
    reference = plain.ReferencedSeriesSequence[0]
    assert reference.SeriesInstanceUID == original.SeriesInstanceUID
    [instance] = reference.ReferencedInstanceSequence
    assert instance.ReferencedSOPInstanceUID == original.SOPInstanceUID
    assert instance.ReferencedSOPClassUID == original.SOPClassUID


def test_dicom_seg_points_at_its_frame_of_a_clip(tmp_path):
    source = write_dicom(tmp_path / 'a.dcm', np.zeros((3, 41, 61), np.uint8), FrameTime=40)
    header = read_header(source)
    for number in (1, 2):
        write_dicom_seg(tmp_path / f'{number}.dcm', MASKS[number], number, header, CARD)
    first, second = (dcmread(tmp_path / f'{number}.dcm') for number in (1, 2))
    for group in second.PerFrameFunctionalGroupsSequence:
        [reference] = group.DerivationImageSequence[0].SourceImageSequence
        assert reference.ReferencedSOPInstanceUID == header.SOPInstanceUID
        assert reference.ReferencedSOPClassUID == header.SOPClassUID
        assert reference.ReferencedFrameNumber == 3
    np.testing.assert_array_equal(second.pixel_array, [MASKS[2] == 1, MASKS[2] == 2])
    assert first.SeriesInstanceUID == second.SeriesInstanceUID
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert second.InstanceNumber == 3


def test_dicom_seg_has_the_same_number_again_and_another_for_another_mask(tmp_path):
    header = read_header(write_dicom(tmp_path / 'a.dcm', np.zeros((1, 41, 61), np.uint8)))
    numbers = []
    for mask in (MASKS[0], MASKS[0], MASKS[1]):
        write_dicom_seg(tmp_path / 'seg.dcm', mask, 0, header, CARD)
        numbers.append(dcmread(tmp_path / 'seg.dcm').SOPInstanceUID)
    assert numbers[0] == numbers[1] != numbers[2]


@pytest.mark.filterwarnings('error')  # of a patient's name in one part, which they repeat
@pytest.mark.parametrize('name', ['rgb_color', 'palette_color', 'ybr_color'])
def test_dicom_seg_of_real_files(tmp_path, name):
    source = examples.get_path(name)
    header = read_header(source)
    mask = np.zeros((header.Rows, header.Columns), np.uint8)
    mask[10:20, 30:60] = 1
    write_dicom_seg(tmp_path / 'seg.dcm', mask, 0, header, CARD)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of reading it
        found = highdicom.seg.segread(tmp_path / 'seg.dcm')
    pixels = found.get_pixels_by_source_instance([header.SOPInstanceUID], combine_segments=True)
    np.testing.assert_array_equal(pixels[0], mask)


def test_what_nothing_can_point_at(tmp_path):
    source = write_dicom(tmp_path / 'a.dcm', np.zeros((1, 4, 6), np.uint8), StudyInstanceUID='')
    with pytest.raises(ValueError, match='no StudyInstanceUID'):
        read_header(source)


def test_nifti_lies_where_the_volume_lies(tmp_path):
    volume = sitk.GetImageFromArray(np.zeros(MASKS.shape, np.uint8))
    volume.SetSpacing((0.3, 0.5, 2.0))
    volume.SetOrigin((10, -20, 30))
    volume.SetDirection((0, 1, 0, 1, 0, 0, 0, 0, -1))
    sitk.WriteImage(volume, str(tmp_path / 'v.nii.gz'))
    frame = next(frames_of(tmp_path / 'v.nii.gz'))
    write_nifti(tmp_path / 'out' / 'v.nii.gz', MASKS, frame, tmp_path / 'v.nii.gz')
    found = sitk.ReadImage(str(tmp_path / 'out' / 'v.nii.gz'))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(found), MASKS)
    for get in ('GetSpacing', 'GetOrigin', 'GetDirection'):
        assert getattr(found, get)() == pytest.approx(getattr(volume, get)(), abs=1e-5)
    assert len(list((tmp_path / 'out').iterdir())) == 1


def test_nifti_of_a_picture_has_the_size_of_its_pixels(tmp_path):
    source = write_dicom(
        tmp_path / 'a.dcm', np.zeros((3, 41, 61), np.uint8), PixelSpacing=[0.5, 0.2]
    )
    write_nifti(tmp_path / 'a.nii.gz', MASKS, next(frames_of(source)), source)
    found = sitk.ReadImage(str(tmp_path / 'a.nii.gz'))
    assert found.GetSpacing() == pytest.approx((0.2, 0.5, 1.0))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(found), MASKS)
