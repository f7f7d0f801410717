"""Reading one grey image from a file, with broken files told apart."""

import os

import cv2
import numpy as np

IMAGE_EXTENSIONS = ('.png', '.jpg', '.jpeg', '.bmp', '.tif', '.tiff')

_PNG, _JPEG = b'\x89PNG', b'\xff\xd8'
# An end mark may be followed by a little padding.
_TAIL = 1024


class BadImageError(Exception):
    """An image that is missing, cut off or cannot be decoded; the message is the reason."""


def check_whole(data: bytes) -> None:
    """Tell a file that was cut off; several decoders leave the rest grey and say nothing.

    Raises:
        BadImageError: It is empty, or a PNG or JPEG file without its end mark.
    """
    if not data:
        raise BadImageError('file is empty')
    if data.startswith(_PNG) and b'IEND' not in data[-_TAIL:]:
        raise BadImageError('PNG is truncated (no end mark)')
    if data.startswith(_JPEG) and b'\xff\xd9' not in data[-_TAIL:]:
        raise BadImageError('JPEG is truncated (no end mark)')


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
    check_whole(data)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise BadImageError('cannot be decoded as an image')
    return image


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


def encode_png(image: np.ndarray) -> bytes:
    """Encode grey uint8 [H, W] as PNG without compression, the paper's format (3.1)."""
    done, data = cv2.imencode('.png', image, [cv2.IMWRITE_PNG_COMPRESSION, 0])
    if not done:
        raise ValueError(f'OpenCV cannot encode {image.dtype} of shape {image.shape} as PNG')
    return data.tobytes()
