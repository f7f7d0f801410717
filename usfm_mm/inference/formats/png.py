"""Pictures and masks as PNG files, and maps as arrays."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from usfm_mm.io.atomic import atomic_path, write_atomic
from usfm_mm.io.image import encode_png

# A fifth of Pillow's time, which held up the network, for files a sixth larger.
_COMPRESSION = 2


def write_png(path: Path, image: np.ndarray) -> None:
    """Write grey [H, W] or RGB [H, W, 3], uint8, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = image[..., ::-1] if image.ndim == 3 else image  # OpenCV's order
    write_atomic(path, encode_png(np.ascontiguousarray(pixels), _COMPRESSION))


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
        image.save(temporary, format='PNG')


def write_array(path: Path, values: np.ndarray) -> None:
    """Write numbers as a ``.npy`` file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary, temporary.open('wb') as file:
        np.save(file, values, allow_pickle=False)
