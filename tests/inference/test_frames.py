"""Every kind of input as frames."""

import shutil

import cv2
import numpy as np
import pytest
from pydicom import examples

from support.ultrasound_dicom import write_dicom
from usfm_mm.inference.frames import batches, frames_of
from usfm_mm.inference.sources import list_files, names_of

SPECKLE = np.random.default_rng(0).integers(0, 256, (50, 70), np.uint8)


def write(path, image=SPECKLE):
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())
    return path


def test_array_file_and_dicom_give_the_same_pixels(tmp_path):
    png = write(tmp_path / 'a.png')
    dicom = write_dicom(tmp_path / 'a.dcm', SPECKLE[None])
    [of_array], [of_png], [of_dicom] = (list(frames_of(x)) for x in (SPECKLE, png, dicom))
    np.testing.assert_array_equal(of_array.pixels, SPECKLE)
    np.testing.assert_array_equal(of_dicom.pixels, SPECKLE)
    np.testing.assert_array_equal(of_png.pixels, np.stack([SPECKLE] * 3, -1))
    assert (of_array.source, of_png.source) == ('array 0', str(png))
    assert not of_dicom.several
    assert of_dicom.time is None


def test_frames_of_dicom_have_number_time_and_spacing(tmp_path):
    stack = np.arange(3 * 6 * 4, dtype=np.uint8).reshape(3, 6, 4)
    path = write_dicom(tmp_path / 'clip', stack, FrameTime=40.0, PixelSpacing=[0.2, 0.1])
    frames = list(frames_of(path))
    np.testing.assert_array_equal([frame.pixels for frame in frames], stack)
    assert [frame.number for frame in frames] == [0, 1, 2]
    assert [frame.time for frame in frames] == pytest.approx([0, 0.04, 0.08])
    assert {frame.spacing for frame in frames} == {(0.2, 0.1)}
    assert all(frame.several for frame in frames)


def test_compressed_heart_is_read_as_pydicom_does():
    frames = list(frames_of(examples.get_path('ybr_color')))
    assert len(frames) == 30
    assert frames[0].pixels.shape == (240, 320, 3)
    assert frames[29].number == 29


def test_slices_of_nifti(tmp_path):
    import SimpleITK as sitk

    stack = np.arange(3 * 6 * 4, dtype=np.uint8).reshape(3, 6, 4)
    volume = sitk.GetImageFromArray(stack)
    volume.SetSpacing((0.3, 0.5, 2.0))
    sitk.WriteImage(volume, str(tmp_path / 'v.nii.gz'))
    frames = list(frames_of(tmp_path / 'v.nii.gz'))
    np.testing.assert_array_equal([frame.pixels for frame in frames], stack)
    assert frames[1].spacing == pytest.approx((0.5, 0.3))


def test_clip_has_the_time_of_its_frames(shared_data):
    clip = sorted((shared_data / 'POCUS').glob('*.mp4'))[0]
    stream = frames_of(clip)
    first, second = next(stream), next(stream)  # lazily
    assert first.time == 0
    assert 0 < second.time < 0.2


def test_folder_pattern_and_what_is_no_picture(tmp_path):
    write(tmp_path / 'b.png')
    write(tmp_path / 'a.png')
    write(tmp_path / 'sub' / 'c.png')
    (tmp_path / 'notes.txt').write_text('no picture')
    shutil.copy(examples.get_path('palette_color'), tmp_path / 'IM_0001')
    assert [file.name for file in list_files(tmp_path).files] == ['IM_0001', 'a.png', 'b.png']
    assert [file.name for file in list_files(tmp_path).others] == ['notes.txt']
    assert [file.name for file in list_files(tmp_path / '**').files][-1] == 'c.png'
    assert len(list(frames_of([tmp_path, SPECKLE]))) == 4


def test_sixteen_bits_of_a_folder_share_their_scale(tmp_path):
    write(tmp_path / 'dark.png', np.full((8, 8), 500, np.uint16))
    write(tmp_path / 'light.png', np.full((8, 8), 4000, np.uint16))
    assert [frame.pixels.max() for frame in frames_of(tmp_path)] == [31, 249]


def test_sixteen_bits_of_a_list_share_their_scale(tmp_path):
    files = [write(tmp_path / 'dark.png', np.full((8, 8), 500, np.uint16))]
    files += [write(tmp_path / 'other' / 'light.png', np.full((8, 8), 4000, np.uint16))]
    for pictures in (files, [*files, SPECKLE]):
        assert [frame.pixels.max() for frame in frames_of(pictures)][:2] == [31, 249]


def test_names_keep_what_tells_files_apart(tmp_path):
    files = [tmp_path / name for name in ('p1/a.png', 'p1/a.dcm', 'p2/v.nii.gz', 'p2/IM.1')]
    assert names_of(files) == ['p1/a.png', 'p1/a.dcm', 'p2/v', 'p2/IM.1']


def test_bad_inputs_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='gone.png'):
        list(frames_of(tmp_path / 'gone.png'))
    with pytest.raises(ValueError, match='holds no images'):
        list(frames_of(tmp_path))
    with pytest.raises(ValueError, match='float64'):
        list(frames_of(np.zeros((4, 4))))
    damaged = tmp_path / 'cut.png'
    damaged.write_bytes(write(tmp_path / 'a.png').read_bytes()[:900])
    with pytest.raises(ValueError, match=r'cut.png .*truncated'):
        list(frames_of(damaged))
    reports = []
    frames = list(frames_of(tmp_path, lambda *report: reports.append(report)))
    assert [frame.source for frame in frames] == [str(tmp_path / 'a.png')]
    assert [(source, number) for source, number, _ in reports] == [(str(damaged), None)]


def test_batches_are_filled():
    assert [len(batch) for batch in batches(frames_of([SPECKLE] * 5), 2)] == [2, 2, 1]
