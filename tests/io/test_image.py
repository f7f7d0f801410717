"""Reading and refusing image files."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from usfm_mm.io.image import decode_grey, encode_png, read_grey, read_rgb
from usfm_mm.io.image_file import BadImageError, image_size, orientation


def as_bytes(image: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


RAMP = np.arange(48 * 40, dtype=np.uint32).reshape(48, 40).astype(np.uint8)


def test_png_keeps_every_pixel_and_is_not_compressed():
    data = encode_png(RAMP)
    assert len(data) > RAMP.size
    np.testing.assert_array_equal(decode_grey(data), RAMP)


def test_kinds_of_png():
    rng = np.random.default_rng(0)
    rgba = rng.integers(0, 256, (20, 30, 4), np.uint8)
    rgba[:10, :, 3] = 0  # transparent pixels keep their colour
    luma = rgba[..., :3] @ np.array([0.299, 0.587, 0.114])
    found = decode_grey(as_bytes(Image.fromarray(rgba, 'RGBA'), 'png'))
    assert np.abs(found - luma).max() <= 1

    palette = Image.fromarray(RAMP, 'P')
    palette.putpalette([level for i in range(256) for level in (255 - i, i // 2, 0)])
    luma = 0.299 * (255.0 - RAMP) + 0.587 * (RAMP // 2)
    assert np.abs(decode_grey(as_bytes(palette, 'png')) - luma).max() < 1.5  # libpng truncates

    deep = rng.integers(0, 65536, (20, 30), np.uint16)
    found = decode_grey(cv2.imencode('.png', deep)[1].tobytes(), bits=16)
    np.testing.assert_array_equal(found, np.rint(deep / 257))


def test_real_rgba_images_equal_pillow(shared_data):
    paths = sorted((shared_data / 'USAnotAI' / 'train').glob('*.png'))[::10]
    for path in paths:
        with Image.open(path) as image:
            assert image.mode == 'RGBA'
            assert image.getextrema()[3] == (255, 255)
            np.testing.assert_array_equal(read_grey(path), np.array(image.convert('L')))


@pytest.mark.parametrize('kind', ['png', 'jpeg'])
@pytest.mark.parametrize('keep', [0.3, 0.6, 0.99])
def test_truncated_is_an_error_not_a_half_grey_image(kind, keep):
    rng = np.random.default_rng(0)
    data = as_bytes(Image.fromarray(rng.integers(0, 256, (200, 200), np.uint8)), kind)
    assert decode_grey(data).shape == (200, 200)
    with pytest.raises(BadImageError, match='truncated'):
        decode_grey(data[: int(keep * len(data))])


def test_corrupt_empty_text_missing(tmp_path):
    data = bytearray(encode_png(RAMP))
    data[1000] ^= 255
    with pytest.raises(BadImageError, match='cannot be decoded'):
        decode_grey(bytes(data))
    with pytest.raises(BadImageError, match='empty'):
        decode_grey(b'')
    with pytest.raises(BadImageError, match='cannot be decoded'):
        decode_grey(b'patient list')
    with pytest.raises(BadImageError, match='missing'):
        read_grey(tmp_path / 'none.png')
    with pytest.raises(BadImageError, match='cannot be read'):
        read_grey(tmp_path)


def turned(image: np.ndarray, orientation: int) -> np.ndarray:
    """What EXIF means: rows and columns of the stored picture, as the standard's table has them."""
    steps = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: a.T,
        6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(a.T, 2),
        8: np.rot90,
    }
    return steps[orientation](image)


@pytest.mark.parametrize('kind', ['png', 'jpeg', 'tiff'])
@pytest.mark.parametrize('way', range(1, 9))
def test_images_are_turned_as_exif_says(tmp_path, kind, way):
    exif = Image.Exif()
    exif[0x0112] = way
    picture = np.zeros((16, 24), np.uint8)
    picture[:8, :8], picture[8:, 16:] = 255, 128  # whole blocks of JPEG
    data = as_bytes(Image.fromarray(picture), kind, exif=exif)
    assert orientation(data) == way
    found = decode_grey(data)
    expected = turned(picture, way)
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 3
    (tmp_path / 'a').write_bytes(data)
    assert image_size(tmp_path / 'a') == found.shape[::-1]
    assert read_rgb(tmp_path / 'a').shape == (*found.shape, 3)


@pytest.mark.parametrize('kind', ['.png', '.tif'])
def test_samples_of_12_bits_are_scaled_by_the_bits_that_are_used(tmp_path, kind):
    deep = np.array([[0, 1000], [2000, 3000]], np.uint16)
    (tmp_path / 'a').write_bytes(cv2.imencode(kind, deep)[1].tobytes())
    with pytest.warns(UserWarning, match=r'those that it uses \(12\) alone'):
        np.testing.assert_array_equal(read_grey(tmp_path / 'a'), [[0, 62], [125, 187]])
    # as the other images of the set
    np.testing.assert_array_equal(read_grey(tmp_path / 'a', bits=14), [[0, 16], [31, 47]])
    with pytest.warns(UserWarning, match='12'):
        assert (read_rgb(tmp_path / 'a')[..., 0] == [[0, 62], [125, 187]]).all()
    eight = np.array([[0, 9]], np.uint8)
    np.testing.assert_array_equal(decode_grey(encode_png(eight), bits=12), eight)
    with pytest.raises(BadImageError, match='has samples of float32: save it with 8 or 16 bits'):
        decode_grey(cv2.imencode('.tiff', deep.astype(np.float32))[1].tobytes())


@pytest.mark.parametrize('kind', ['tiff', 'gif'])
def test_several_pages_are_refused_and_one_is_read(kind):
    page = Image.fromarray(RAMP)
    np.testing.assert_array_equal(decode_grey(as_bytes(page, kind)), RAMP)
    others = [Image.fromarray(np.roll(RAMP, n, 0)) for n in (1, 2)]
    data = as_bytes(page, kind, save_all=True, append_images=others)
    with pytest.raises(BadImageError, match='has 3 pages: save each.*usfm build-database'):
        decode_grey(data)
