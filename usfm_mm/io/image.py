"""Reading one grey image from a file, with broken files told apart."""

import os

import cv2
import numpy as np
from PIL import Image  # comes with matplotlib

IMAGE_EXTENSIONS = ('.png', '.jpg', '.jpeg', '.bmp', '.tif', '.tiff')

_PNG, _JPEG = b'\x89PNG', b'\xff\xd8'
# An end mark may be followed by a little padding.
_TAIL = 1024


class BadImageError(Exception):
    """An image that is missing, cut off or cannot be decoded; the message is the reason."""


def decode_grey(data: bytes) -> np.ndarray:
    """Decode an image file's content to 8-bit grey.

    As OpenCV does it: colour and palette images become luma (0.299 R + 0.587 G + 0.114 B, within
    one grey level of Pillow), an alpha channel is dropped without blending, and 16-bit samples
    lose their low byte.

    Args:
        data: Content of a PNG, JPEG, BMP or TIFF file.

    Returns:
        uint8 [H, W].

    Raises:
        BadImageError: The content is cut off or not an image.
    """
    check_complete(data)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise BadImageError('cannot be decoded as an image')
    return image


def check_complete(data: bytes) -> None:
    """Look for the mark that ends a PNG or JPEG file, without decoding it.

    Several OpenCV versions decode what there is of a truncated file and leave the rest grey.

    Raises:
        BadImageError: The content is empty, or cut off.
    """
    if not data:
        raise BadImageError('file is empty')
    if data.startswith(_PNG) and b'IEND' not in data[-_TAIL:]:
        raise BadImageError('PNG is truncated (no end mark)')
    if data.startswith(_JPEG) and b'\xff\xd9' not in data[-_TAIL:]:
        raise BadImageError('JPEG is truncated (no end mark)')


def image_size(path: str | os.PathLike) -> tuple[int, int]:
    """Width and height of an image file, of which only the head and the tail are read.

    Raises:
        BadImageError: The file is missing, cut off or not an image.
    """
    try:
        with open(path, 'rb') as file:
            head = file.read(8)
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
            check_complete(head + file.read())
            file.seek(0)
            with Image.open(file) as image:
                return image.size
    except OSError as error:
        raise BadImageError(str(error)) from error


def read_file(path: str | os.PathLike) -> bytes:
    """Content of an image file.

    Raises:
        BadImageError: It cannot be read.
    """
    try:
        with open(path, 'rb', buffering=0) as file:
            return file.read()
    except FileNotFoundError:
        raise BadImageError('file is missing') from None
    except OSError as error:
        raise BadImageError(f'cannot be read ({error.strerror})') from error


def read_grey(path: str | os.PathLike) -> np.ndarray:
    """Read an image file as 8-bit grey, uint8 [H, W]; see :func:`decode_grey`.

    Raises:
        BadImageError: The file is missing, cut off or not an image.
    """
    return decode_grey(read_file(path))


def read_named(path: str | os.PathLike) -> np.ndarray:
    """Read as :func:`read_grey` does, with the path in the message of an error.

    Raises:
        BadImageError: The file is missing, cut off or not an image.
    """
    try:
        return read_grey(path)
    except BadImageError as error:
        raise BadImageError(f'{path}: {error}') from error


def encode_png(image: np.ndarray, compression: int = 0) -> bytes:
    """Encode grey uint8 [H, W] as PNG, by default without compression, the paper's format (3.1)."""
    done, data = cv2.imencode('.png', image, [cv2.IMWRITE_PNG_COMPRESSION, compression])
    if not done:
        raise ValueError(f'OpenCV cannot encode {image.dtype} of shape {image.shape} as PNG')
    return data.tobytes()
