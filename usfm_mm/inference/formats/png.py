"""Pictures and masks as PNG files, and maps as arrays."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from usfm_mm.io.atomic import atomic_path


def write_png(path: Path, image: np.ndarray) -> None:
    """Write grey [H, W] or RGB [H, W, 3], uint8, whole or not at all."""
    _write(path, Image.fromarray(image))


def write_mask(path: Path, mask: np.ndarray, palette: Sequence[Sequence[int]]) -> None:
    """Write a mask whose pixels are the numbers of the classes, shown in their colours.

    Args:
        path: Where to.
        mask: uint8 [H, W].
        palette: RGB colour of each class.
    """
    image = Image.fromarray(mask)
    image.putpalette([value for colour in palette for value in colour])
    _write(path, image)


def write_array(path: Path, values: np.ndarray) -> None:
    """Write numbers as a ``.npy`` file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary, temporary.open('wb') as file:
        np.save(file, values, allow_pickle=False)


def _write(path: Path, image: Image.Image) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        image.save(temporary, format='PNG')
