"""Reading masks however they were saved: 0/1, 0/255, colour, alpha, palette, outlines."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from usfm_mm.converters.items import ConversionError, SizeError
from usfm_mm.io.image_file import BadImageError, check_single, open_image, read_file

# An outline covers less of its convex hull than this; a filled shape covers more.
_FILLED = 0.5
# Gaps in an outline are closed up to this share of the image's shorter side.
_MAX_GAP = 0.1


def binary_mask(path: Path, shape: tuple[int, int], value: int = 1) -> np.ndarray:
    """Read the mask of one structure.

    Grey levels 0/1 are taken as they are; otherwise 128 and more is the structure, so that the
    soft edges that smoothing or JPEG leave are cut in the middle. Colour counts by its brightest
    channel.

    Args:
        path: Image file.
        shape: The image's height and width.
        value: Class index to paint.

    Returns:
        uint8 [H, W], 0 or ``value``.

    Raises:
        ConversionError: It cannot be read, has another size, or is neither 0/1 nor 0/255.
    """
    with open_mask(path, shape) as image:
        grey = _levels(image)
    full = 255 if grey.dtype == np.uint8 or grey.max(initial=0) <= 255 else 65535
    top = int(grey.max(initial=0))
    if 1 < top <= full // 2:
        raise ConversionError(
            f'{path}: its highest value is {top}, but a mask of one structure is 0/1 or 0/{full}. '
            'Masks of several structures need the names of their values (--classes)'
        )
    return ((grey > (0 if top <= 1 else full // 2)) * value).astype(np.uint8)


def class_mask(path: Path, shape: tuple[int, int], num_classes: int) -> np.ndarray:
    """Read a mask whose pixels are class indices, as grey levels or palette entries.

    An alpha channel is dropped.

    Args:
        path: Image file.
        shape: The image's height and width.
        num_classes: Background included.

    Returns:
        uint8 [H, W] in 0..``num_classes`` - 1.

    Raises:
        ConversionError: It cannot be read, has another size or colours, or a value that is not
            declared.
    """
    with open_mask(path, shape) as image:
        if image.mode == 'P':
            classes = np.asarray(image)
        else:
            if image.mode == 'LA' or _coloured(image):
                image = image.convert('RGB')
            colours = np.atleast_3d(np.asarray(image))
            classes = colours[..., 0]
            if (colours[..., :3] != classes[..., None]).any():
                raise ConversionError(
                    f'{path} is coloured: masks of several structures are grey (0, 1, 2 …) or '
                    'have a palette'
                )
    undeclared = np.setdiff1d(classes, np.arange(num_classes))
    if len(undeclared):
        raise ConversionError(
            f'{path} has the value {undeclared[0]}, but only 0 to {num_classes - 1} are declared: '
            'name all classes, or save the mask again without smoothing or JPEG'
        )
    return classes.astype(np.uint8)


def outline_mask(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """Read the drawn outline of one structure, and fill it; see :func:`fill_outline`.

    Raises:
        ConversionError: As :func:`binary_mask`, or there is an outline that is not closed.
    """
    filled = fill_outline(binary_mask(path, shape) > 0)
    if filled is None:
        raise ConversionError(
            f'{path}: the outline has a gap wider than {_MAX_GAP:.0%} of the image and cannot be '
            'filled: close it in a paint program'
        )
    return filled.astype(np.uint8)


def fill_outline(outline: np.ndarray) -> np.ndarray | None:
    """Fill an outline that is closed, or that the image's border closes, or that has a small gap.

    The parts of the image that the outline leaves are inside where most of their pixels lie in
    the outline's convex hull. Filling holes would miss a structure that the border cuts.

    Args:
        outline: bool [H, W]; the drawn line. A filled shape is returned as it is.

    Returns:
        bool [H, W], line included; None if the outline stays open.
    """
    if not outline.any():
        return outline
    hull = np.zeros(outline.shape, np.uint8)
    points = cv2.findNonZero(outline.astype(np.uint8))
    cv2.fillConvexPoly(hull, cv2.convexHull(points), 1)
    if outline.sum() > _FILLED * hull.sum():
        return outline
    line = outline
    for gap in range(int(_MAX_GAP * min(outline.shape)) + 1):
        if gap:
            line = _closed(outline, gap)
        inside = _enclosed(line, hull)
        if inside.any():
            return inside | outline
    return None


def check_size(path: Path, found: tuple[int, int], shape: tuple[int, int]) -> None:
    """Refuse a mask whose (height, width) is not the image's."""
    if found != shape:
        raise SizeError(
            f'{path} is {found[1]}×{found[0]} pixels, its image {shape[1]}×{shape[0]}: '
            'a mask has the size of its image'
        )


def open_mask(path: Path, shape: tuple[int, int]) -> Image.Image:
    """A mask as Pillow opens it, of its image's (height, width), turned by EXIF.

    Raises:
        ConversionError: It cannot be read or has another size.
    """
    try:
        data = read_file(path)
        check_single(data)
        image = ImageOps.exif_transpose(open_image(data))
        image.load()
    except (BadImageError, OSError, SyntaxError, ValueError) as error:
        # Pillow raises all of these for damaged files
        raise ConversionError(f'{path} cannot be read: {error}. Download it again') from error
    check_size(path, (image.height, image.width), shape)
    return image


def _levels(image: Image.Image) -> np.ndarray:
    """Grey levels [H, W] of a mask of one structure, where brighter is the structure."""
    if image.mode == 'P':
        colours = np.asarray(image.convert('RGBA'))
        if (colours[..., :3] == colours[..., :1]).all():
            image = image.convert('RGBA')
        else:
            # Colours of a palette are for the eye: entry 0 is the background.
            return np.where(np.asarray(image) > 0, 255, 0).astype(np.uint8)
    if image.mode == '1':
        image = image.convert('L')
    elif _coloured(image):
        image = image.convert('RGB')
    pixels = np.asarray(image)
    if image.mode in ('RGBA', 'LA'):
        grey, alpha = pixels[..., :-1].max(-1), pixels[..., -1]
        if alpha.min() == alpha.max():
            return grey
        # The shape is drawn in the alpha channel alone, or on a transparent ground.
        return alpha if grey.min() == grey.max() else np.where(alpha > 127, grey, 0)
    return pixels if pixels.ndim == 2 else pixels.max(-1)


def _coloured(image: Image.Image) -> bool:
    return image.mode not in ('1', 'L', 'LA', 'P', 'RGB', 'RGBA') and image.mode[0] not in 'IF'


def _closed(outline: np.ndarray, gap: int) -> np.ndarray:
    """The line with gaps of up to ``2 * gap`` pixels bridged."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * gap + 1, 2 * gap + 1))
    padded = np.pad(outline.astype(np.uint8), gap)
    return cv2.morphologyEx(padded, cv2.MORPH_CLOSE, kernel)[gap:-gap, gap:-gap] > 0


def _enclosed(line: np.ndarray, hull: np.ndarray) -> np.ndarray:
    """Parts beside the line of which more than half lies in the hull, with the line: bool [H, W].

    All False where these parts are a mere sliver, as between the ends of an open line.
    """
    count, parts = cv2.connectedComponents((~line).astype(np.uint8), connectivity=4)
    area = np.bincount(parts.ravel(), minlength=count)
    in_hull = np.bincount(parts.ravel(), weights=hull.ravel(), minlength=count)
    chosen = in_hull > 0.5 * area
    chosen[0] = False  # the line itself
    inside = chosen[parts]
    if inside.sum() + line.sum() < _FILLED * hull.sum():
        return np.zeros_like(line)
    return inside | line
