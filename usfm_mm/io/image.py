"""Reading one image from a file, with broken files told apart; one policy for all commands.

PNG, JPEG, BMP, TIFF and GIF of one page; turned as EXIF says; colour becomes luma; an alpha channel
is dropped without blending. Samples of more than 8 bits are scaled by the bits that are used, those
of the whole set where they are known (``bits``), else those of the image.
"""

import os
import warnings
from collections.abc import Iterable

import cv2
import numpy as np

from usfm_mm.io.image_file import (
    GIF,
    BadImageError,
    check_complete,
    check_single,
    open_image,
    read_file,
    sample_bits,
)


def decode_samples(data: bytes, colour: bool = False) -> np.ndarray:
    """Decode an image file's content and keep all bits.

    Colour and palette images become luma (0.299 R + 0.587 G + 0.114 B, within one grey level of
    Pillow) unless they are wanted.

    Args:
        data: Content of a PNG, JPEG, BMP, TIFF or GIF file.
        colour: RGB in place of grey.

    Returns:
        uint8 or uint16 [H, W], or [H, W, 3] in colour.

    Raises:
        BadImageError: The content is cut off, not an image, has several pages or other samples.
    """
    check_complete(data)
    check_single(data)
    if data.startswith(GIF):  # which OpenCV reads from 4.11 on
        pixels = np.asarray(open_image(data).convert('RGB'))
        data = cv2.imencode('.png', cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()
    flags = cv2.IMREAD_ANYDEPTH | (cv2.IMREAD_COLOR if colour else cv2.IMREAD_GRAYSCALE)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if image is None:
        raise BadImageError('cannot be decoded as an image')
    if image.dtype not in (np.uint8, np.uint16):
        raise BadImageError(f'has samples of {image.dtype}: save it with 8 or 16 bits')
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if colour else image


def used_bits(highest: int) -> int:
    """The smallest of 8, 10, 12, 14 and 16 bits that hold a sample: what the device gave.

    Example:
        >>> used_bits(3000)
        12
    """
    return next(bits for bits in (8, 10, 12, 14, 16) if highest < 2**bits)


def bits_of_set(paths: Iterable[str | os.PathLike]) -> tuple[int, int | None]:
    """Number of images of 16 bits per sample, and the bits that they use together, if any.

    Damaged files are left to what reads them.
    """
    count, highest = 0, 0
    for path in paths:
        try:
            if sample_bits(path) > 8:
                highest = max(highest, int(decode_samples(read_file(path)).max()))
                count += 1
        except BadImageError:
            continue
    return count, used_bits(highest) if count else None


def to_8_bits(samples: np.ndarray, bits: int | None = None) -> np.ndarray:
    """Map 0 to 2^bits - 1 linearly to 0 to 255; 8-bit samples stay as they are.

    Args:
        samples: uint8 or uint16, of any shape.
        bits: In use in the whole set; None for those of ``samples``, which a warning names.

    Example:
        >>> to_8_bits(np.array([0, 2048, 4095], np.uint16), 12)
        array([  0, 128, 255], dtype=uint8)
    """
    if samples.dtype == np.uint8:
        return samples
    if bits is None:
        bits = used_bits(int(samples.max(initial=0)))
        warnings.warn(
            f'An image of 16 bits per sample is scaled by those that it uses ({bits}) alone: '
            'images that belong together are scaled alike by "usfm index" and "usfm prepare"',
            stacklevel=3,
        )
    highest = 2**bits - 1
    return np.rint(np.minimum(samples, highest) * np.float32(255 / highest)).astype(np.uint8)


def decode_grey(data: bytes, bits: int | None = None) -> np.ndarray:
    """Decode an image file's content to 8-bit grey, uint8 [H, W].

    Args:
        data: As in :func:`decode_samples`, whose errors are raised.
        bits: As in :func:`to_8_bits`.
    """
    return to_8_bits(decode_samples(data), bits)


def read_grey(path: str | os.PathLike, bits: int | None = None) -> np.ndarray:
    """Read an image file as 8-bit grey, uint8 [H, W]; see :func:`decode_grey`.

    Raises:
        BadImageError: The file is missing, cut off or not an image that is read.
    """
    return decode_grey(read_file(path), bits)


def read_rgb(path: str | os.PathLike) -> np.ndarray:
    """Read an image file as 8-bit RGB, uint8 [H, W, 3]; otherwise as :func:`read_grey`."""
    return to_8_bits(decode_samples(read_file(path), colour=True))


def read_named(path: str | os.PathLike, bits: int | None = None) -> np.ndarray:
    """Read as :func:`read_grey` does, with the path in the message of an error."""
    try:
        return read_grey(path, bits)
    except BadImageError as error:
        raise BadImageError(f'{path}: {error}') from error


def encode_png(image: np.ndarray, compression: int | None = 0) -> bytes:
    """Encode grey uint8 [H, W] as PNG, by default without compression, the paper's format (3.1).

    Args:
        image: Or uint8 [H, W, 3], blue first.
        compression: 0 to 9. None is the fastest that makes files small: one filter for all rows,
            where the levels try five on each.

    Example:
        >>> decode_grey(encode_png(np.array([[0, 9]], np.uint8)))
        array([[0, 9]], dtype=uint8)
    """
    # Without a level OpenCV takes zlib's first and one filter, but finds no repeats unless told.
    fastest = [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_DEFAULT]
    options = fastest if compression is None else [cv2.IMWRITE_PNG_COMPRESSION, compression]
    done, data = cv2.imencode('.png', image, options)
    if not done:
        raise ValueError(f'OpenCV cannot encode {image.dtype} of shape {image.shape} as PNG')
    return data.tobytes()
