"""What an image file is before its pixels are decoded: whole, its size, its pages, how it lies."""

import io
import os

from PIL import Image  # comes with matplotlib

IMAGE_EXTENSIONS = ('.png', '.jpg', '.jpeg', '.bmp', '.tif', '.tiff', '.gif')

PNG, JPEG, GIF = b'\x89PNG', b'\xff\xd8', b'GIF8'
TIFF = (b'II*\0', b'MM\0*', b'II+\0', b'MM\0+')
# Where the end mark is looked for first; what follows it, a phone's video for instance, is ignored.
_TAIL = 1024
_END = b'\0\0\0\0IEND\xae\x42\x60\x82'
_ORIENTATION, _BITS_PER_SAMPLE = 0x0112, 0x0102  # tags of TIFF, in which EXIF is written


class BadImageError(ValueError):
    """An image that is missing, cut off or cannot be decoded; the message is the reason."""


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


def check_complete(data: bytes) -> None:
    """Look for the mark that ends a PNG or JPEG file, without decoding it.

    Several OpenCV versions decode what there is of a truncated file and leave the rest grey.

    Raises:
        BadImageError: The content is empty, or cut off.
    """
    if not data:
        raise BadImageError('file is empty')
    if data.startswith(PNG) and b'IEND' not in data[-_TAIL:] and _END not in data:
        raise BadImageError('PNG is truncated (no end mark)')
    if data.startswith(JPEG) and b'\xff\xd9' not in data[-_TAIL:] and not _jpeg_ends(data):
        raise BadImageError('JPEG is truncated (no end mark)')


def _jpeg_ends(data: bytes) -> bool:
    """Whether an end mark follows the first scan; a thumbnail before it may have its own."""
    place = 2
    while data[place : place + 1] == b'\xff' and data[place + 1 : place + 2] != b'\xda':
        place += 2 + int.from_bytes(data[place + 2 : place + 4], 'big')
    return data[place : place + 2] == b'\xff\xda' and data.find(b'\xff\xd9', place) >= 0


def check_single(data: bytes) -> None:
    """Refuse a TIFF or GIF of several pages: only a database is made of their pages.

    Raises:
        BadImageError: It has several pages, or its header cannot be read.
    """
    if data.startswith((*TIFF, GIF)):
        with open_image(data) as image:
            pages = getattr(image, 'n_frames', 1)
        if pages > 1:
            raise BadImageError(
                f'has {pages} pages: save each as a file of its own, or make a database of them '
                'with "usfm build-database"'
            )


def open_image(data: bytes) -> Image.Image:
    """The image as Pillow opens it, its pixels not yet decoded.

    Raises:
        BadImageError: The header cannot be read.
    """
    try:
        return Image.open(io.BytesIO(data))
    except (OSError, SyntaxError, ValueError) as error:  # Pillow raises all of these
        raise BadImageError('cannot be decoded as an image') from error


def orientation(data: bytes) -> int:
    """How EXIF says that the stored pixels are to be turned: 1 (not at all) to 8.

    Where the image is read, that is done; what was drawn on the stored pixels has to follow.

    Raises:
        BadImageError: The header cannot be read.
    """
    with open_image(data) as image:
        found = image.getexif().get(_ORIENTATION, 1)
    return found if found in range(1, 9) else 1


def sample_bits(path: str | os.PathLike) -> int:
    """Bits per sample as the head of a PNG or TIFF file tells; 8 of all others.

    Raises:
        BadImageError: The file is missing or not an image.
    """
    try:
        with open(path, 'rb') as file:
            head = file.read(26)
            if head.startswith(PNG):
                return head[24] if len(head) > 24 else 8
            if not head.startswith(TIFF):
                return 8
            file.seek(0)
            with Image.open(file) as image:
                return max(getattr(image, 'tag_v2', {}).get(_BITS_PER_SAMPLE, (8,)))
    except (OSError, SyntaxError, ValueError) as error:
        raise BadImageError(str(error)) from error


def image_size(path: str | os.PathLike) -> tuple[int, int]:
    """Width and height of an image as it is read, from the head and the tail of its file.

    Raises:
        BadImageError: The file is missing, cut off or not an image.
    """
    try:
        with open(path, 'rb') as file:
            head = file.read(8)
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
            try:
                check_complete(head + file.read())
            except BadImageError:
                file.seek(0)
                check_complete(file.read())
            file.seek(0)
            with Image.open(file) as image:
                # Pillow turns TIFF by itself.
                turned = image.format != 'TIFF' and image.getexif().get(_ORIENTATION, 1) >= 5
                return image.size[::-1] if turned else image.size
    except OSError as error:
        raise BadImageError(str(error)) from error
