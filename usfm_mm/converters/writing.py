"""Writing one image with its mask, or one pair, as the configs read them."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from usfm_mm.converters.items import HIGH, LOW, ConversionError, Item, SizeError
from usfm_mm.inference.frames import frames_of
from usfm_mm.inference.prepare import with_channels
from usfm_mm.io.atomic import naming
from usfm_mm.io.image import encode_png, read_grey
from usfm_mm.io.image_file import BadImageError, orientation, read_file

_SWAPS_SIDES = 5  # EXIF's orientations from here on do


@dataclass(frozen=True)
class Written:
    """What became of an item.

    Attributes:
        item: What was read.
        content: Of the image as written; copies have the same, whatever their file's format.
        annotation: Of its mask and label, likewise; of a pair, of the high quality.
        has_foreground: Is a structure of the masks in it?
        moments: Mean grey level and mean squared grey level; of a pair, of both images.
        frames: Of a clip; 0 of an image.
    """

    item: Item
    content: str
    annotation: str
    has_foreground: bool
    moments: np.ndarray
    frames: int = 0


def write_item(item: Item, folder: Path, bits: int | None) -> Written:
    """Write to ``images/`` and ``masks/``, or to ``low_quality/`` and ``high_quality/``.

    Args:
        item: What to read.
        folder: Holds these folders.
        bits: In use where images have 16 bits per sample.

    Raises:
        ConversionError: An image, a clip or a mask is damaged or of another size.
    """
    if item.clip:
        return _write_clip(item, folder)
    image = _read(item.image, bits, 'mask or counterpart', item.read)
    if item.high is not None:
        return _write_pair(item, image, folder, bits)
    content = _write(folder / 'images' / f'{item.name}.png', image)
    mask, annotation = np.zeros(0), f'{item.label} {item.told}'
    if item.masks is not None:
        mask = _mask(item, image.shape)
        annotation = _write(folder / 'masks' / f'{item.name}.png', mask) + annotation
    return Written(item, content, annotation, bool(mask.any()), _moments(image))


def _read(
    path: Path,
    bits: int | None,
    other: str,
    read: Callable[[int | None], np.ndarray] | None = None,
) -> np.ndarray:
    try:
        return read(bits) if read else read_grey(path, bits)
    except BadImageError as error:
        raise ConversionError(
            f'{path}: {error}. Download it again, or remove it with its {other}'
        ) from error


def _write_clip(item: Item, folder: Path) -> Written:
    """Write each frame as ``images/NAME/00000.png`` and so on; of a single one an image."""
    target, digest, moments, count = folder / 'images' / item.name, hashlib.sha256(), [], 0
    try:
        for frame in frames_of(item.image):
            grey = with_channels(frame.pixels, 1)
            path = target / f'{count:05d}.png' if frame.several else target.with_suffix('.png')
            path.parent.mkdir(exist_ok=True)
            digest.update(_write(path, grey).encode())
            moments.append(_moments(grey))
            count += 1
    except ValueError as error:
        raise ConversionError(f'{error}: repair {item.image}, or remove it and its row') from error
    several = count if frame.several else 0
    told = f'{item.label} {item.told}'
    return Written(item, digest.hexdigest(), told, False, np.mean(moments, axis=0), several)


def _write(path: Path, image: np.ndarray) -> str:
    data = encode_png(image)
    with naming(path):
        path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def _moments(image: np.ndarray) -> np.ndarray:
    mean, std = (value.item() for value in cv2.meanStdDev(image))
    return np.array([mean, mean**2 + std**2])


def _write_pair(item: Item, low: np.ndarray, folder: Path, bits: int | None) -> Written:
    assert item.high is not None
    high = _read(item.high, bits, 'counterpart')
    if low.shape != high.shape:
        raise ConversionError(
            f'{item.image} has {low.shape[1]}×{low.shape[0]} pixels, {item.high} '
            f'{high.shape[1]}×{high.shape[0]}: the images of a pair have one size; resize or crop '
            'them so that they show the same, or remove both'
        )
    moments = _moments(low), _moments(high)
    content = hashlib.sha256(encode_png(low)).hexdigest()
    _write(folder / LOW / f'{item.name}.png', item.degrade(low) if item.degrade else low)
    annotation = _write(folder / HIGH / f'{item.name}.png', high)
    return Written(item, content, annotation, False, np.mean(moments, axis=0))


def _mask(item: Item, shape: tuple[int, ...]) -> np.ndarray:
    """Mask of an image as it is read, which EXIF may have turned: then sizes tell how to turn it.

    A mask of the size that the pixels were stored in is turned as they were, one of the turned
    size was drawn on the turned picture. Where both sizes are equal, only an empty mask will do.
    """
    height, width = shape
    if item.read:
        return _paint(item, (height, width))
    way = orientation(read_file(item.image))
    if way < _SWAPS_SIDES or height == width:
        mask = _paint(item, (height, width))
        if way != 1 and mask.any():
            raise ConversionError(
                f'{item.image} is turned by EXIF (orientation {way}), and the size of its mask '
                'does not tell whether it was drawn before or after: save the image turned, '
                'without EXIF, and see that its mask fits'
            )
        return mask
    try:
        return turned(_paint(item, (width, height)), way)
    except SizeError:
        return _paint(item, (height, width))


def _paint(item: Item, shape: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(shape, np.uint8)
    for read in item.masks or ():
        part = read(shape)
        mask = np.where(part > 0, part, mask)
    return mask


def turned(stored: np.ndarray, way: int) -> np.ndarray:
    """Turn stored pixels [H, W] as EXIF's orientation 1 to 8 says.

    Example:
        >>> turned(np.array([[1, 2]]), 6)  # its right side is to be at the bottom
        array([[1],
               [2]])
    """
    upright = stored.T if way >= _SWAPS_SIDES else stored
    return np.ascontiguousarray(
        upright[:: -1 if way in (3, 4, 7, 8) else 1, :: -1 if way in (2, 3, 6, 7) else 1]
    )
