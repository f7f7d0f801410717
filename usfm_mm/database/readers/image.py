"""PNG, JPEG, BMP and TIFF, also of several pages, by Pillow."""

import struct
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from usfm_mm.database.readers.clip import (
    Clip,
    Frames,
    check_size,
    quiet,
    sample_range,
    to_8_bits,
)
from usfm_mm.database.types import Options, RejectedError
from usfm_mm.io.image_file import BadImageError, check_complete, read_file

# What Pillow raises.
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, TypeError, KeyError, struct.error)


def open_image(path: Path, options: Options) -> Clip:
    """Open an image; the pages of a TIFF are its frames.

    An alpha channel is dropped without blending. Samples of more than 8 bits are brought to 8 by
    :func:`~usfm_mm.database.readers.clip.sample_range`.

    Raises:
        RejectedError: It is cut off, damaged or too large.
    """
    try:
        data = read_file(path)
    except BadImageError as error:
        raise RejectedError('unreadable', str(error)) from None
    try:
        check_complete(data)
    except BadImageError as error:
        raise RejectedError('truncated', str(error)) from None
    try:
        # Pillow warns above 89 million pixels and refuses the double; `check_size` is ours.
        with quiet():
            image = Image.open(BytesIO(data))
            pages = getattr(image, 'n_frames', 1)
    except Image.DecompressionBombError:
        raise RejectedError(
            'too large', 'its header promises more pixels than Pillow allows'
        ) from None
    except (UnidentifiedImageError, *_DAMAGE):
        raise RejectedError('damaged', 'its header cannot be read') from None
    check_size(image.height, image.width, options.max_pixels)
    if pages == 1:
        pixels = _decode_only_page(image)
        return Clip(read=lambda step: iter([(0, pixels)]))

    def read(step: int) -> Frames:
        for page in range(0, pages, step):
            try:
                image.seek(page)
                check_size(image.height, image.width, options.max_pixels)
                yield page, _to_array(image)
            except _DAMAGE:
                yield page, None

    return Clip(read=read, count=pages)


def _decode_only_page(image: Image.Image) -> np.ndarray:
    try:
        return _to_array(image)
    except _DAMAGE as error:
        reason = 'truncated' if 'truncated' in str(error) else 'damaged'
        raise RejectedError(reason, 'its pixels cannot be decoded') from None


def _to_array(image: Image.Image) -> np.ndarray:
    """Decode to uint8 grey [H, W] or RGB [H, W, 3]."""
    if image.mode.startswith('I') or image.mode == 'F':
        values = np.asarray(image)
        return to_8_bits(values, *sample_range(values))
    if image.mode in ('1', 'L', 'LA', 'La'):
        return np.asarray(image.convert('LA' if image.mode == 'LA' else 'L').getchannel(0))
    if image.mode in ('RGBA', 'RGBX'):
        return np.asarray(image)[..., :3]
    return np.asarray(image.convert('RGB'))
