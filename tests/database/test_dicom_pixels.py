"""DICOM whose header is wrong or silent: frames, colours, palettes, unused bits."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import convert_color_space
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from support.scanner_screens import dicom, save, speckle
from usfm_mm.database.readers import open_clip
from usfm_mm.database.readers.clip import sample_range
from usfm_mm.database.types import Options, RejectedError

FRAMES = np.stack([speckle(60, 80, seed) for seed in range(30)])
COLOURS = np.stack([FRAMES, FRAMES // 2, FRAMES // 3], axis=-1)


def frames_of(dataset, path):
    return np.stack([pixels for _, pixels in open_clip(save(dataset, path), Options()).read(1)])


def in_syntax(dataset, syntax):
    dataset.file_meta.TransferSyntaxUID = syntax
    return dataset


@pytest.mark.parametrize('stated', ['', 0, 1])
@pytest.mark.parametrize(
    'syntax',
    [None, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, RLELossless, JPEG2000Lossless],
)
def test_frames_are_counted_by_the_pixel_data(tmp_path, stated, syntax):
    dataset = dicom(FRAMES)
    if syntax in (RLELossless, JPEG2000Lossless):
        dataset.compress(syntax)
    elif syntax:
        in_syntax(dataset, syntax)
    if stated == '':
        del dataset.NumberOfFrames
    else:
        dataset.NumberOfFrames = stated
    np.testing.assert_array_equal(frames_of(dataset, tmp_path / 'a.dcm'), FRAMES)


def test_compressed_frames_without_an_offset_table(tmp_path):
    dataset = dicom(FRAMES)
    dataset.compress(JPEG2000Lossless)
    streams = list(generate_frames(dataset.PixelData, number_of_frames=30))
    dataset.PixelData = encapsulate(streams, has_bot=False)
    del dataset.NumberOfFrames
    np.testing.assert_array_equal(frames_of(dataset, tmp_path / 'a.dcm'), FRAMES)


def test_bytes_behind_the_last_frame_are_no_frame(tmp_path):
    dataset = dicom(FRAMES[:2], NumberOfFrames=2)
    dataset.PixelData += bytes(5000)
    np.testing.assert_array_equal(frames_of(dataset, tmp_path / 'a.dcm'), FRAMES[:2])


def test_file_that_ends_in_the_length_of_its_pixels(tmp_path):
    path = save(dicom(FRAMES[:1]), tmp_path / 'a.dcm')
    path.write_bytes(path.read_bytes()[: -FRAMES[0].size - 2])
    with pytest.raises(RejectedError) as rejected:
        open_clip(path, Options())
    assert rejected.value.reason == 'damaged'


def jpeg(rgb, marker=b'', names=b'\x01\x02\x03', **options):
    """A JPEG stream with the given marker for its colours and names of its components."""
    buffer = BytesIO()
    Image.fromarray(rgb).save(buffer, 'JPEG', quality=95, **options)
    data, stream, position = bytearray(buffer.getvalue()), bytearray(b'\xff\xd8') + marker, 2
    while True:
        kind, length = data[position + 1], int.from_bytes(data[position + 2 : position + 4])
        first = {0xC0: slice(10, 19, 3), 0xDA: slice(5, 10, 2)}.get(kind)
        segment = data[position : position + 2 + length]
        if first:
            segment[first] = names
        if not 0xE0 <= kind <= 0xEF:
            stream += segment
        position += 2 + length
        if kind == 0xDA:
            return bytes(stream + data[position:])


def adobe(transform):
    return b'\xff\xee\x00\x0eAdobe\0\x64\0\0\0\0' + bytes([transform])


@pytest.mark.parametrize(
    ('stated', 'stream'),
    [
        ('RGB', {'subsampling': 2}),
        ('RGB', {'subsampling': 2, 'names': b'\0\1\2'}),  # only the sampling tells
        ('RGB', {'subsampling': 0}),  # only the names tell
        ('RGB', {'subsampling': 0, 'names': b'\0\1\2', 'marker': adobe(1)}),
        ('YBR_FULL_422', {'keep_rgb': True, 'names': b'RGB'}),
        ('YBR_FULL', {'keep_rgb': True, 'marker': adobe(0)}),
        ('RGB', {'keep_rgb': True, 'names': b'\0\1\2'}),  # nothing tells: as the header says
        ('YBR_PARTIAL_420', {'subsampling': 2}),
    ],
)
def test_colours_are_those_of_the_jpeg_stream(tmp_path, stated, stream):
    rows, columns = np.mgrid[:64, :96]
    picture = np.stack([rows * 3 + 20, columns * 2 + 20, rows + columns], -1).astype(np.uint8)
    dataset = in_syntax(dicom(picture[None], stated), JPEGBaseline8Bit)
    dataset.PixelData = encapsulate([jpeg(picture, **stream)])
    dataset['PixelData'].VR = 'OB'
    read = frames_of(dataset, tmp_path / 'a.dcm')[0].astype(int)
    assert np.abs(read - picture).mean() < 1


def test_real_clip_that_says_rgb_without_a_marker(tmp_path):
    """Washed out before: a mean of 88 where it is 10."""
    dataset = dcmread(get_testdata_file('examples_ybr_color.dcm'))
    right = frames_of(dataset, tmp_path / 'a.dcm')
    count = int(dataset.NumberOfFrames)
    streams = list(generate_frames(dataset.PixelData, number_of_frames=count))
    # The JFIF segment is the first, of 18 bytes.
    dataset.PixelData = encapsulate([stream[:2] + stream[20:] for stream in streams])
    dataset.PhotometricInterpretation = 'RGB'
    np.testing.assert_array_equal(frames_of(dataset, tmp_path / 'b.dcm'), right)
    assert round(right.mean(), 1) == 10.5


def test_jpeg_2000_that_mixed_its_components(tmp_path):
    dataset = dicom(COLOURS[:1], 'YBR_RCT')
    dataset.compress(JPEG2000Lossless)
    for stated in ('YBR_RCT', 'YBR_FULL', 'YBR_FULL_422', 'RGB'):
        dataset.PhotometricInterpretation = stated
        np.testing.assert_array_equal(frames_of(dataset, tmp_path / 'a.dcm'), COLOURS[:1])


def test_ybr_422_that_is_whole_and_planes(tmp_path):
    ybr = convert_color_space(COLOURS[:2], 'RGB', 'YBR_FULL')
    for stated in ('YBR_FULL', 'YBR_FULL_422'):
        for count in (1, 2):  # a single one says no NumberOfFrames
            read = frames_of(dicom(ybr[:count], stated), tmp_path / 'a.dcm').astype(int)
            assert read.shape == COLOURS[:count].shape
            assert np.abs(read - COLOURS[:count]).max() <= 2
    planes = dicom(COLOURS[:2], 'RGB', PlanarConfiguration=1)
    planes.PixelData = COLOURS[:2].transpose(0, 3, 1, 2).tobytes()
    np.testing.assert_array_equal(frames_of(planes, tmp_path / 'a.dcm'), COLOURS[:2])


def test_colours_that_are_not_read_are_refused(tmp_path):
    with pytest.raises(RejectedError, match='photometric'):
        frames_of(dicom(COLOURS[:1], 'HSV'), tmp_path / 'a.dcm')


ENTRIES = np.arange(256)[::-1]


@pytest.mark.parametrize(
    ('bits', 'data'),
    [
        (16, (ENTRIES << 8).astype('<u2').tobytes()),
        (16, (ENTRIES * 257).astype('<u2').tobytes()),
        (16, ENTRIES.astype('<u2').tobytes()),  # 8 bits in 16: came out black
        (8, ENTRIES.astype('<u2').tobytes()),
        (16, (ENTRIES << 4).astype('<u2').tobytes()),  # 12 bits in 16
        (16, ENTRIES.astype(np.uint8).tobytes()),
        (8, ENTRIES.astype(np.uint8).tobytes()),
    ],
)
@pytest.mark.parametrize('big', [False, True])
def test_palettes_of_all_widths_and_both_byte_orders(tmp_path, bits, data, big):
    if big:
        data = np.frombuffer(data, '<u2').astype('>u2').tobytes()
    dataset = palette(FRAMES[:1], [256, 0, bits], data)
    if big:
        in_syntax(dataset, ExplicitVRBigEndian)
    read = frames_of(dataset, tmp_path / 'a.dcm')
    np.testing.assert_array_equal(read, np.repeat(255 - FRAMES[:1, ..., None], 3, axis=-1))


def test_palette_that_begins_later_and_has_an_odd_number_of_entries(tmp_path):
    data = (ENTRIES[: 101 + 1]).astype(np.uint8).tobytes()
    dataset = palette(FRAMES[:1], [101, 50, 8], data)
    read = frames_of(dataset, tmp_path / 'a.dcm')[..., 0]
    np.testing.assert_array_equal(read, 255 - np.clip(FRAMES[:1].astype(int) - 50, 0, 100))


def test_palette_of_8_bits_for_indices_of_16(tmp_path):
    data = (np.arange(1024) // 4).astype(np.uint8).tobytes()
    indices = FRAMES[:1].astype(np.uint16) * 4 + 3
    dataset = palette(indices, [1024, 0, 8], data)
    np.testing.assert_array_equal(frames_of(dataset, tmp_path / 'a.dcm')[..., 1], FRAMES[:1])


def test_palette_in_segments(tmp_path):
    dataset = palette(FRAMES[:1], [256, 0, 16], None)
    segments = np.array([0, 1, 0, 1, 255, 255], '<u2').tobytes()  # one entry, then a line
    for channel in ('Red', 'Green', 'Blue'):
        setattr(dataset, f'Segmented{channel}PaletteColorLookupTableData', segments)
    read = frames_of(dataset, tmp_path / 'a.dcm')[..., 0].astype(int)
    np.testing.assert_array_equal(read, FRAMES[:1])


def palette(indices, descriptor, data):
    dataset = dicom(indices, 'PALETTE COLOR')
    for channel in ('Red', 'Green', 'Blue'):
        setattr(dataset, f'{channel}PaletteColorLookupTableDescriptor', descriptor)
        if data:
            setattr(dataset, f'{channel}PaletteColorLookupTableData', data)
    return dataset


@pytest.mark.parametrize('syntax', [None, RLELossless])
def test_samples_that_are_aligned_to_the_left(tmp_path, syntax):
    values = FRAMES[:1].astype(np.uint16) * 16
    expected = np.rint(values / 4095 * 255)
    dataset = dicom(values << 4, BitsStored=12, HighBit=15)
    if syntax:
        dataset.BitsStored = 16
        dataset.compress(syntax)
        dataset.BitsStored = 12
    np.testing.assert_array_equal(frames_of(dataset, tmp_path / 'a.dcm'), expected)


def test_bits_above_the_samples_are_dropped(tmp_path):
    values = FRAMES[:1].astype(np.uint16) * 16
    dataset = dicom(values | 0xF000, BitsStored=12, HighBit=11)
    expected = np.rint(values / 4095 * 255)
    np.testing.assert_array_equal(frames_of(dataset, tmp_path / 'a.dcm'), expected)


def test_colours_of_16_bits_that_use_8_or_12(tmp_path):
    for factor in (1, 16):
        values = COLOURS[:1].astype(np.uint16) * factor
        dataset = dicom(values, 'RGB')
        expected = np.rint(values / (256 * factor - 1) * 255)
        np.testing.assert_array_equal(frames_of(dataset, tmp_path / 'a.dcm'), expected)


def test_monochrome1_of_12_bits_is_inverted_after_its_window(tmp_path):
    values = FRAMES[:1].astype(np.uint16) * 16
    dataset = dicom(values, 'MONOCHROME1', BitsStored=12, HighBit=11)
    dataset.WindowCenter, dataset.WindowWidth = 2048, 4096
    expected = 255 - np.rint(values / 4095 * 255)
    np.testing.assert_array_equal(frames_of(dataset, tmp_path / 'a.dcm'), expected)


def test_ybr_422_of_two_frames_as_it_should_be(tmp_path):
    ybr = convert_color_space(np.repeat(FRAMES[:2, ..., None], 3, axis=-1), 'RGB', 'YBR_FULL')
    pairs = [ybr[..., ::2, 0], ybr[..., 1::2, 0], ybr[..., ::2, 1], ybr[..., ::2, 2]]
    dataset = dicom(ybr, 'YBR_FULL_422')
    dataset.PixelData = np.stack(pairs, axis=-1).tobytes()
    read = frames_of(dataset, tmp_path / 'a.dcm').astype(int)
    assert np.abs(read - FRAMES[:2, ..., None]).max() <= 1


def test_palette_of_65536_entries_says_0(tmp_path):
    indices = FRAMES[:1].astype(np.uint16) * 257
    table = np.arange(2**16, dtype='<u2')[::-1].tobytes()
    read = frames_of(palette(indices, [0, 0, 16], table), tmp_path / 'a.dcm')[..., 0]
    np.testing.assert_array_equal(read, 255 - FRAMES[:1])


@pytest.mark.parametrize(
    ('values', 'span'),
    [
        (np.array([0, 3000], np.int32), (0, 4095)),
        (np.array([-5, 10], np.int16), (-5, 10)),
        (np.array([0.5, 3.0]), (0.5, 3.0)),
    ],
)
def test_range_of_samples_that_a_file_does_not_tell(values, span):
    assert sample_range(values) == span
