"""The DICOM reader against pydicom, over syntaxes, bit depths, regions and damage."""

import numpy as np
import pytest
from pydicom import Dataset, dcmread, examples
from pydicom.data import get_testdata_file
from pydicom.pixels import apply_voi_lut, pixel_array
from pydicom.sequence import Sequence
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGExtended12Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from support.scanner_screens import damage_second_frame, dicom, region, save, speckle
from usfm_mm.database.readers import open_clip
from usfm_mm.database.readers.clip import Box
from usfm_mm.database.types import Options, RejectedError

FRAMES = np.stack([speckle(60, 80, seed) for seed in range(3)])
ITEM = b'\xfe\xff\x00\xe0'


def frames_of(path, step=1):
    return [pixels for _, pixels in open_clip(path, Options()).read(step)]


def reason_of(path, options=None):
    with pytest.raises(RejectedError) as rejected:
        open_clip(path, options or Options())
    return rejected.value.reason


@pytest.mark.parametrize('syntax', [RLELossless, JPEGLSLossless, JPEG2000Lossless])
def test_lossless_syntaxes_give_the_same_pixels(tmp_path, syntax):
    colours = np.stack([FRAMES, FRAMES[::-1], 255 - FRAMES], axis=-1)
    for frames, photometric in ((FRAMES, 'MONOCHROME2'), (colours, 'RGB')):
        dataset = dicom(frames, photometric)
        dataset.compress(syntax)
        decoded = frames_of(save(dataset, tmp_path / 'a.dcm'))
        np.testing.assert_array_equal(np.stack(decoded), frames)


@pytest.mark.parametrize(
    ('syntax', 'arguments'), [(JPEGLSNearLossless, {'jls_error': 2}), (JPEG2000, {'j2k_cr': [2]})]
)
def test_lossy_syntaxes_are_near(tmp_path, syntax, arguments):
    dataset = dicom(FRAMES)
    dataset.compress(syntax, **arguments)
    decoded = np.stack(frames_of(save(dataset, tmp_path / 'a.dcm'))).astype(int)
    assert np.abs(decoded - FRAMES).mean() < 3


@pytest.mark.parametrize(
    ('name', 'uncompressed'),
    [
        ('SC_rgb_jpeg_gdcm.dcm', 'SC_rgb_rle.dcm'),  # JPEG lossless
        ('SC_rgb_rle_16bit.dcm', 'SC_rgb_rle.dcm'),
        ('SC_ybr_full_422_uncompressed.dcm', None),
        ('SC_rgb_small_odd_big_endian.dcm', 'SC_rgb_small_odd.dcm'),
        ('SC_rgb_dcmtk_+eb+cy+s4.dcm', None),  # JPEG baseline, YBR
        ('SC_rgb_jls_lossy_line.dcm', None),
    ],
)
def test_files_of_other_encoders(tmp_path, name, uncompressed):
    """Pydicom's own test files are secondary captures; here they say that they are ultrasound."""

    def read(file):
        dataset = dcmread(get_testdata_file(file))
        dataset.Modality = 'US'
        return frames_of(save(dataset, tmp_path / file))[0].astype(int)

    pixels = read(name)
    assert pixels.ndim == 3
    assert pixels.std() > 20
    if uncompressed:
        assert np.abs(pixels - read(uncompressed)).max() <= 1


def test_deflated_and_implicit_files(tmp_path):
    for syntax in (DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian):
        dataset = dicom(FRAMES)
        dataset.file_meta.TransferSyntaxUID = syntax
        decoded = frames_of(save(dataset, tmp_path / 'a.dcm'))
        np.testing.assert_array_equal(np.stack(decoded), FRAMES)


def test_file_without_preamble_and_meta_information(tmp_path):
    dataset = dicom(FRAMES)
    whole = save(dataset, tmp_path / 'a.dcm').read_bytes()
    path = tmp_path / 'b'
    path.write_bytes(whole[whole.index(b'\x08\0\x16\0UI') :])
    np.testing.assert_array_equal(np.stack(frames_of(path)), FRAMES)


def test_monochrome1_is_inverted(tmp_path):
    path = save(dicom(FRAMES[:1], 'MONOCHROME1'), tmp_path / 'a.dcm')
    np.testing.assert_array_equal(frames_of(path)[0], 255 - FRAMES[0])


def test_12_bits_fill_8_without_a_window(tmp_path):
    values = (FRAMES[:1].astype(np.uint16) * 16) + 7
    path = save(dicom(values, BitsStored=12, HighBit=11), tmp_path / 'a.dcm')
    np.testing.assert_array_equal(frames_of(path)[0], np.rint(values[0] / 4095 * 255))


def test_window_after_rescale_as_pydicom_does_it(tmp_path):
    values = FRAMES[:1].astype(np.uint16) * 16
    dataset = dicom(values, BitsStored=12, HighBit=11, RescaleSlope=2, RescaleIntercept=-100)
    dataset.WindowCenter, dataset.WindowWidth = [2000, 50], [3000, 40]
    path = save(dataset, tmp_path / 'a.dcm')
    rescaled = values[0] * 2.0 - 100
    windowed = apply_voi_lut(rescaled, dataset)
    expected = (windowed - windowed.min()) / (windowed.max() - windowed.min()) * 255
    assert np.abs(frames_of(path)[0] - expected).max() <= 1


def test_palette_is_looked_up():
    pixels = frames_of(get_testdata_file('examples_palette.dcm'))[0]
    indices = pixel_array(examples.palette_color)
    dataset = examples.palette_color
    for channel, keyword in enumerate(('Red', 'Green', 'Blue')):
        table = np.frombuffer(dataset[f'{keyword}PaletteColorLookupTableData'].value, '<u2')
        np.testing.assert_array_equal(pixels[..., channel], table[indices] >> 8)


def test_step_reads_every_third_frame_with_its_number(tmp_path):
    frames = np.stack([speckle(16, 16, seed) for seed in range(8)])
    for syntax in (None, RLELossless):
        dataset = dicom(frames, CineRate=24)
        if syntax:
            dataset.compress(syntax)
        clip = open_clip(save(dataset, tmp_path / 'a.dcm'), Options())
        assert clip.rate == 24
        numbers, pixels = zip(*clip.read(3), strict=True)
        assert numbers == (0, 3, 6)
        np.testing.assert_array_equal(np.stack(pixels), frames[::3])


def test_damaged_frame_does_not_stop_the_others(tmp_path):
    dataset = dicom(FRAMES)
    dataset.compress(JPEG2000Lossless)
    path = save(dataset, tmp_path / 'a.dcm')
    damage_second_frame(path)
    for step in (1, 2):
        read = dict(open_clip(path, Options()).read(step))
        assert read[0] is not None
        np.testing.assert_array_equal(read[2], FRAMES[2])
        if step == 1:
            assert read[1] is None


def test_truncated_pixel_data(tmp_path):
    path = save(dicom(FRAMES), tmp_path / 'a.dcm')
    path.write_bytes(path.read_bytes()[:-100])
    assert reason_of(path) == 'truncated'
    dataset = dicom(FRAMES[:1])
    dataset.compress(JPEG2000Lossless)
    path = save(dataset, tmp_path / 'b.dcm')
    assert not open_clip(path, Options()).cut_off
    path.write_bytes(path.read_bytes()[:-200])
    assert open_clip(path, Options()).cut_off
    path.write_bytes(path.read_bytes()[:140])
    assert reason_of(path) in ('truncated', 'damaged', 'not ultrasound')


def test_what_cannot_be_decoded_has_its_reason(tmp_path):
    dataset = dicom(FRAMES[:1])
    dataset.compress(RLELossless)
    dataset.file_meta.TransferSyntaxUID = JPEGExtended12Bit
    dataset.BitsStored = 12
    dataset.BitsAllocated = 16
    path = save(dataset, tmp_path / 'a.dcm')
    assert reason_of(path) == 'unsupported compression'
    # A number that was never given out, of the same length.
    path.write_bytes(
        path.read_bytes().replace(JPEGExtended12Bit.encode(), b'1.2.840.10008.1.2.4.99')
    )
    assert reason_of(path) == 'unsupported compression'
    dataset = dicom(FRAMES[:1])
    del dataset.PixelData
    assert reason_of(save(dataset, tmp_path / 'a.dcm')) == 'no frames'
    dataset.EncryptedAttributesSequence = Sequence([Dataset()])
    assert reason_of(save(dataset, tmp_path / 'a.dcm')) == 'encrypted'
    dataset = dicom(FRAMES[:1], Rows=65535, Columns=65535)
    assert reason_of(save(dataset, tmp_path / 'a.dcm')) == 'too large'
    assert reason_of(get_testdata_file('CT_small.dcm')) == 'not ultrasound'


def test_regions_are_the_outer_2d_ones(tmp_path):
    dataset = dicom(FRAMES)
    items = [
        region(10, 5, 69, 49),
        region(20, 10, 40, 30, kind=2),  # colour box within the tissue
        region(0, 50, 79, 59, form=3, kind=3),  # spectral Doppler
    ]
    dataset.SequenceOfUltrasoundRegions = Sequence(items)
    clip = open_clip(save(dataset, tmp_path / 'a.dcm'), Options())
    assert clip.regions == (Box(10, 5, 70, 50),)
    dataset.SequenceOfUltrasoundRegions = Sequence(items[2:])
    assert reason_of(save(dataset, tmp_path / 'a.dcm')) == 'no tissue region'


def test_size_of_a_box():
    box = Box(left=2, top=3, right=7, bottom=11)
    assert (box.width, box.height) == (5, 8)
    assert box.cut(np.zeros((20, 30))).shape == (8, 5)


def test_regions_of_a_picture_that_was_resized_are_not_used():
    """The example's regions are those of the 640 x 480 original; it is 320 x 240."""
    assert open_clip(get_testdata_file('examples_ybr_color.dcm'), Options()).regions == ()


def test_fields_are_the_text_of_standard_elements(tmp_path):
    dataset = dicom(FRAMES, Manufacturer='ACME', ImageType=['ORIGINAL', 'PRIMARY'])
    code = Dataset()
    code.CodeMeaning = 'Breast'
    dataset.AnatomicRegionSequence = Sequence([code])
    dataset.ImageComments = 'x' * 2000
    dataset.private_block(0x0011, 'ACME', create=True).add_new(1, 'LO', 'private')
    fields = open_clip(save(dataset, tmp_path / 'a.dcm'), Options()).fields
    assert fields['Manufacturer'] == 'ACME'
    assert fields['ImageType'] == 'ORIGINAL\\PRIMARY'
    assert fields['AnatomicRegionSequence'] == 'Breast'
    assert fields['PatientID'] == 'P-1'
    assert 'ImageComments' not in fields
    assert 'private' not in fields.values()
