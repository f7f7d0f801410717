"""Pictures and masks as PNG files, and maps as arrays."""

import zlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from usfm_mm.io.atomic import atomic_path, write_atomic
from usfm_mm.io.image import encode_png


def write_png(path: Path, image: np.ndarray) -> None:
    """Write grey [H, W] or RGB [H, W, 3], uint8, whole or not at all.

    For speed: it takes an eighth of Pillow's time, which held up the network.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    write_atomic(path, encode_png(pixels, None))


def write_mask(path: Path, mask: np.ndarray, palette: Sequence[Sequence[int]]) -> None:
    """Write a mask whose pixels are the numbers of the classes, shown in their colours.

    Args:
        path: Where to.
        mask: uint8 [H, W].
        palette: RGB colour of each class.
    """
    image = Image.fromarray(mask)
    image.putpalette([value for colour in palette for value in colour])
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        # Runs of one number are all that there is to find: half the time, and smaller.
        image.save(temporary, format='PNG', compress_type=zlib.Z_RLE)


def write_array(path: Path, values: np.ndarray) -> None:
    """Write numbers as a ``.npy`` file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary, temporary.open('wb') as file:
        np.save(file, values, allow_pickle=False)
