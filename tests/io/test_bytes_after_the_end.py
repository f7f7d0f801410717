"""Image files with something behind their end mark."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from usfm_mm.io.image import read_grey
from usfm_mm.io.image_file import BadImageError, image_size

PICTURE = cv2.resize(
    np.random.default_rng(0).integers(0, 255, (40, 60)).astype(np.uint8), (120, 80)
)


def with_a_thumbnail() -> bytes:
    """A JPEG whose EXIF part holds another one, end mark included."""
    small, whole = io.BytesIO(), io.BytesIO()
    Image.fromarray(PICTURE[:16, :16]).save(small, 'jpeg')
    Image.fromarray(PICTURE).save(whole, 'jpeg', exif=b'Exif\0\0' + small.getvalue())
    return whole.getvalue()


def encoded(kind: str) -> bytes:
    return cv2.imencode(kind, PICTURE)[1].tobytes()


@pytest.mark.parametrize('data', [encoded('.png'), encoded('.jpg'), with_a_thumbnail()])
def test_what_follows_the_end_mark_is_ignored(tmp_path, data):
    """They were called truncated."""
    path = tmp_path / 'a'
    path.write_bytes(data + 5000 * b'x')
    assert read_grey(path).shape == PICTURE.shape
    assert image_size(path) == (120, 80)
    path.write_bytes(data[: len(data) - 1500])
    for function in (read_grey, image_size):
        with pytest.raises(BadImageError, match='truncated'):
            function(path)
