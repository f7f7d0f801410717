"""Reading and refusing image files."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from usfm_mm.io.image import BadImageError, decode_grey, encode_png, read_grey


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
    np.testing.assert_array_equal(decode_grey(cv2.imencode('.png', deep)[1].tobytes()), deep >> 8)


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
