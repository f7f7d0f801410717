"""Videos, still images and volumes: pixels, numbers and damage."""

import os
import struct
import subprocess
import sys
import zlib

import av
import cv2
import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import MPEG4HP41

from support.scanner_screens import dicom, save, speckle
from usfm_mm.database.readers import open_clip
from usfm_mm.database.types import Options, RejectedError

FRAMES = [speckle(64, 96, seed) for seed in range(10)]


def write_video(path, codec, pixel_format, rate=10, options=None):
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = 96, 64, pixel_format
        stream.options = options or {}
        for grey in FRAMES:
            frame = av.VideoFrame.from_ndarray(np.stack([grey] * 3, -1), format='rgb24')
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def reason_of(path, options=None):
    with pytest.raises(RejectedError) as rejected:
        list(open_clip(path, options or Options()).read(1))
    return rejected.value.reason


@pytest.mark.parametrize(
    ('name', 'codec', 'pixel_format'),
    [
        ('a.mp4', 'mpeg4', 'yuv420p'),
        ('a.mov', 'mjpeg', 'yuvj420p'),
        ('a.avi', 'ffv1', 'gray'),
        ('a.mpg', 'mpeg2video', 'yuv420p'),
        ('a.gif', 'gif', 'gray'),
    ],
)
def test_videos_give_every_frame_in_order(tmp_path, name, codec, pixel_format):
    rate = 25 if codec == 'mpeg2video' else 10
    options = {'b': '4000000'} if codec in ('mpeg4', 'mpeg2video') else {}
    path = write_video(tmp_path / name, codec, pixel_format, rate, options)
    clip = open_clip(path.rename(tmp_path / 'clip.dat'), Options())
    assert clip.rate == pytest.approx(rate, rel=0.01)
    frames = [pixels for _, pixels in clip.read(1)]
    assert len(frames) == len(FRAMES)
    for frame, grey in zip(frames, FRAMES, strict=True):
        # Lossy codecs blur speckle; another frame would correlate by nothing.
        assert (
            np.corrcoef(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).ravel(), grey.ravel())[0, 1] > 0.85
        )
    assert [number for number, _ in clip.read(4)] == [0, 4, 8]


def test_video_without_frames_or_cut_off(tmp_path):
    path = write_video(tmp_path / 'a.mp4', 'mpeg4', 'yuv420p')
    data = path.read_bytes()
    path.write_bytes(data[:200])
    assert reason_of(path) == 'damaged'
    with av.open(str(tmp_path / 'b.mp4'), 'w') as container:
        stream = container.add_stream('aac', rate=8000)
        zeros = np.zeros((1, 1024), np.float32)
        silence = av.AudioFrame.from_ndarray(zeros, format='fltp', layout='mono')
        silence.sample_rate = 8000
        container.mux(stream.encode(silence))
        container.mux(stream.encode(None))
    assert reason_of(tmp_path / 'b.mp4') == 'no frames'
    path.write_bytes(data)
    assert reason_of(path, Options(max_pixels=1000)) == 'too large'


def test_damaged_packet_of_a_video_is_counted(tmp_path):
    path = write_video(tmp_path / 'a.mov', 'mjpeg', 'yuvj420p')
    data = bytearray(path.read_bytes())
    third = [i for i in range(len(data) - 1) if data[i : i + 2] == b'\xff\xd8'][2]
    data[third : third + 600] = b'\0' * 600
    path.write_bytes(data)
    read = dict(open_clip(path, Options()).read(1))
    assert len(read) == len(FRAMES)
    assert [number for number, pixels in read.items() if pixels is None] == [2]


def test_video_inside_dicom(tmp_path):
    stream = write_video(tmp_path / 'a.mp4', 'mpeg4', 'yuv420p').read_bytes()
    dataset = dicom(np.zeros((10, 64, 96, 3), np.uint8), 'YBR_PARTIAL_420')
    dataset.file_meta.TransferSyntaxUID = MPEG4HP41
    dataset.PixelData = encapsulate([stream])
    dataset['PixelData'].is_undefined_length = True
    path = save(dataset, tmp_path / 'a.dcm')
    assert dcmread(path).file_meta.TransferSyntaxUID == MPEG4HP41
    frames = [pixels for _, pixels in open_clip(path, Options()).read(1)]
    assert len(frames) == len(FRAMES)


@pytest.mark.parametrize('name', ['a.png', 'a.bmp', 'a.tif', 'a.jpg'])
def test_still_images_whatever_their_name(tmp_path, name):
    cv2.imwrite(str(tmp_path / name), FRAMES[0])
    path = (tmp_path / name).rename(tmp_path / 'still.dcm')
    ((number, pixels),) = open_clip(path, Options()).read(1)
    assert number == 0
    assert np.abs(pixels.astype(int) - FRAMES[0]).max() <= (25 if name == 'a.jpg' else 0)


def test_alpha_and_deep_images(tmp_path):
    path = tmp_path / 'a.png'
    rgba = np.stack([FRAMES[0], FRAMES[1], FRAMES[2], np.zeros_like(FRAMES[0])], -1)
    Image.fromarray(rgba).save(path)
    ((_, pixels),) = open_clip(path, Options()).read(1)
    np.testing.assert_array_equal(pixels, rgba[..., :3])
    for bits in (10, 12, 16):
        deep = (FRAMES[0].astype(np.uint32) * (2**bits - 1) // 255).astype(np.uint16)
        deep[0, 0] = 2**bits - 1
        cv2.imwrite(str(path), deep)
        ((_, pixels),) = open_clip(path, Options()).read(1)
        assert np.abs(pixels[1:].astype(int) - FRAMES[0][1:]).max() <= 1


def test_pages_of_a_tiff_are_frames(tmp_path):
    pages = [Image.fromarray(frame) for frame in FRAMES]
    pages[0].save(tmp_path / 'a.tif', save_all=True, append_images=pages[1:])
    read = list(open_clip(tmp_path / 'a.tif', Options()).read(3))
    assert [number for number, _ in read] == [0, 3, 6, 9]
    np.testing.assert_array_equal(read[1][1], FRAMES[3])


def test_cut_off_and_bomb_sized_images(tmp_path):
    path = tmp_path / 'a.png'
    cv2.imwrite(str(path), FRAMES[0])
    path.write_bytes(path.read_bytes()[:-500])
    assert reason_of(path) == 'truncated'
    cv2.imwrite(str(tmp_path / 'a.bmp'), FRAMES[0])
    (tmp_path / 'a.bmp').write_bytes((tmp_path / 'a.bmp').read_bytes()[:-500])
    assert reason_of(tmp_path / 'a.bmp') == 'truncated'

    def chunk(name, content):
        crc = zlib.crc32(name + content)
        return struct.pack('>I', len(content)) + name + content + struct.pack('>I', crc)

    for side in (10_000, 60_000):
        header = chunk(b'IHDR', struct.pack('>IIBBBBB', side, side, 8, 0, 0, 0, 0))
        pixels = chunk(b'IDAT', zlib.compress(b'\0' * 1000))
        path.write_bytes(b'\x89PNG\r\n\x1a\n' + header + pixels + chunk(b'IEND', b''))
        assert reason_of(path) == 'too large'


@pytest.mark.parametrize('name', ['v.nii', 'v.nii.gz', 'v.mha'])
def test_slices_of_volumes(tmp_path, name):
    volume = np.stack(FRAMES)
    sitk.WriteImage(sitk.GetImageFromArray(volume), str(tmp_path / name))
    for path in (tmp_path / name, (tmp_path / name).rename(tmp_path / 'wrong.png')):
        if not path.exists():
            continue
        read = list(open_clip(path, Options()).read(2))
        assert [number for number, _ in read] == [0, 2, 4, 6, 8]
        np.testing.assert_array_equal(np.stack([pixels for _, pixels in read]), volume[::2])


def test_volumes_below_names_that_are_not_utf8(tmp_path):
    """In a process of its own, which SimpleITK used to end."""
    folder = os.fsencode(tmp_path) + b'/\xff'
    os.mkdir(folder)
    for name in ('v.mhd', 'v.nii'):  # the first has its voxels in a file beside it
        sitk.WriteImage(sitk.GetImageFromArray(np.stack(FRAMES)), str(tmp_path / name))
    for name in ('v.mhd', 'v.raw', 'v.nii'):
        os.rename(tmp_path / name, folder + b'/' + name.encode())
    os.link(folder + b'/v.nii', folder + b'/\xfe.nii')
    lines = (
        'import os, sys; from usfm_mm.database.types import Options',
        'from usfm_mm.database.readers import open_clip',
        'for name in (b"v.mhd", b"v.nii", b"\\xfe.nii"):',
        '    path = os.path.join(os.fsencode(sys.argv[1]), name)',
        '    read = open_clip(os.fsdecode(path), Options()).read(1)',
        '    print([int(x.sum()) for _, x in read])',
    )
    done = subprocess.run(
        [sys.executable, '-c', '\n'.join(lines), folder], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [str([int(frame.sum()) for frame in FRAMES])] * 3


def test_deep_volume_has_one_range_and_4d_is_flattened(tmp_path):
    volume = np.stack(FRAMES).astype(np.float32) * 3 - 50
    path = tmp_path / 'v.nii.gz'
    sitk.WriteImage(sitk.GetImageFromArray(volume.reshape(2, 5, 64, 96), isVector=False), str(path))
    slices = np.stack([pixels for _, pixels in open_clip(path, Options()).read(1)])
    span = volume.max() - volume.min()
    assert np.abs(slices - (volume - volume.min()) / span * 255).max() <= 0.51


@pytest.mark.parametrize('kind', [1, 2])
@pytest.mark.parametrize('suffix', ['.nii', '.nii.gz', '.hdr'])
def test_both_kinds_of_nifti_by_a_second_library(tmp_path, kind, suffix):
    """Written by nibabel: bytes swapped, scaled, in pairs; the slices are those put in."""
    nibabel = pytest.importorskip('nibabel')
    volume = np.stack(FRAMES).transpose(2, 1, 0)
    made = {
        (1, False): nibabel.Nifti1Image,
        (2, False): nibabel.Nifti2Image,
        (1, True): nibabel.Nifti1Pair,
        (2, True): nibabel.Nifti2Pair,
    }[kind, suffix == '.hdr']
    path = tmp_path / f'v{suffix}'
    nibabel.save(made(volume, np.eye(4)), path.with_suffix('.img') if suffix == '.hdr' else path)
    read = [pixels for _, pixels in open_clip(path, Options()).read(1)]
    np.testing.assert_array_equal(np.stack(read), np.stack(FRAMES))
    scaled = made(volume.astype('>i2'), np.eye(4))
    scaled.header.set_slope_inter(0.5, 10)
    nibabel.save(scaled, path.with_suffix('.img') if suffix == '.hdr' else path)
    read = np.stack([pixels for _, pixels in open_clip(path, Options()).read(1)])
    values = np.stack(FRAMES) * 0.5 + 10
    assert np.abs(read - (values - values.min()) / np.ptp(values) * 255).max() <= 0.51


def test_colours_and_cut_off_nifti(tmp_path):
    nibabel = pytest.importorskip('nibabel')
    colours = np.zeros((96, 64, 2), [('R', 'u1'), ('G', 'u1'), ('B', 'u1')])
    for number, name in enumerate('RGB'):
        colours[name] = np.stack(FRAMES[number : number + 2]).T
    path = tmp_path / 'v.nii'
    nibabel.save(nibabel.Nifti2Image(colours, np.eye(4)), path)
    first, second = (pixels for _, pixels in open_clip(path, Options()).read(1))
    np.testing.assert_array_equal(first, np.stack(FRAMES[:3], axis=-1))
    np.testing.assert_array_equal(second, np.stack(FRAMES[1:4], axis=-1))
    path.write_bytes(path.read_bytes()[:-1])
    assert reason_of(path) == 'truncated'
    nibabel.save(nibabel.Nifti1Image(np.stack(FRAMES).T, np.eye(4)), tmp_path / 'v.nii.gz')
    whole = (tmp_path / 'v.nii.gz').read_bytes()
    (tmp_path / 'v.nii.gz').write_bytes(whole[: len(whole) // 2])
    assert reason_of(tmp_path / 'v.nii.gz') == 'truncated'


def test_bad_volumes(tmp_path):
    path = tmp_path / 'v.mha'
    sitk.WriteImage(sitk.GetImageFromArray(np.stack(FRAMES)), str(path))
    whole = path.read_bytes()
    path.write_bytes(whole[:-5000])
    assert reason_of(path) == 'truncated'
    path.write_bytes(whole.replace(b'DimSize = 96 64 10', b'DimSize = 99999 99999 9'))
    assert reason_of(path) == 'too large'
    path.write_bytes(whole.replace(b'DimSize = 96 64 10', b'DimSize = 960 640 9999'))
    assert reason_of(path, Options(max_pixels=1_000_000)) == 'too large'
    path.write_bytes(b'ObjectType = Image\nNDims = no\n')
    assert reason_of(path) == 'damaged'


@pytest.mark.parametrize(
    ('line', 'read'),
    [
        ('ElementDataFile = v.raw', True),
        ('ElementDataFile = {folder}/away/secret.raw', False),
        ('ElementDataFile: {folder}/away/secret.raw', False),
        ('ElementDataFile = ../away/secret.raw', False),
        ('ElementDataFile = linked.raw', False),
        ('ElementDataFile = LIST\n../away/secret.raw', False),
        ('ElementDataFile = %d.raw 1 10 1', False),
        ('Comment = ElementDataFile = x\nElementDataFile = ../away/secret.raw', False),
    ],
)
def test_a_header_names_no_file_elsewhere(tmp_path, line, read):
    (tmp_path / 'away').mkdir()
    (tmp_path / 'away/secret.raw').write_bytes(np.stack(FRAMES).tobytes())
    path = tmp_path / 'set/v.mhd'
    path.parent.mkdir()
    sitk.WriteImage(sitk.GetImageFromArray(np.stack(FRAMES)), str(path))
    (tmp_path / 'set/v.zraw').unlink(missing_ok=True)
    (tmp_path / 'set/v.raw').write_bytes(np.stack(FRAMES).tobytes())
    (tmp_path / 'set/linked.raw').symlink_to(tmp_path / 'away/secret.raw')
    lines = path.read_text().splitlines()
    head = [each for each in lines if not each.startswith(('ElementDataFile', 'Compressed'))]
    path.write_text('\n'.join([*head, line.format(folder=tmp_path), '']))
    if read:
        assert len(list(open_clip(path, Options()).read(1))) == len(FRAMES)
    else:
        assert reason_of(path) == 'damaged'
