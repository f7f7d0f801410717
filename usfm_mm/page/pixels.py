"""Arrays as pictures inside the page's own text, so that no file of them is ever made."""

from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO

import cv2
import numpy as np
from PIL import Image


def data_uri(image: np.ndarray) -> str:
    """PNG in a ``data:`` address, of uint8 [H, W], RGB [H, W, 3] or RGBA [H, W, 4]."""
    stream = BytesIO()
    Image.fromarray(image).save(stream, format='PNG', compress_level=3)
    return f'data:image/png;base64,{b64encode(stream.getvalue()).decode()}'


def layer_of(mask: np.ndarray, palette: Sequence[Sequence[int]]) -> np.ndarray:
    """Full colour where a mask has a class, transparent on background: RGBA uint8 [H, W, 4].

    Args:
        mask: Numbers of classes, uint8 [H, W].
        palette: RGB colour of each class, of background first.

    Example:
        >>> layer_of(np.array([[0, 1]], np.uint8), [(0, 0, 0), (0, 255, 0)]).tolist()
        [[[0, 0, 0, 0], [0, 255, 0, 255]]]
    """
    colours = np.array([(0, 0, 0, 0), *((*colour, 255) for colour in palette[1:])], np.uint8)
    return colours[mask]


def outline_of(mask: np.ndarray, palette: Sequence[Sequence[int]]) -> np.ndarray:
    """As :func:`layer_of`, of the pixels where a class ends."""
    edge = np.zeros(mask.shape, bool)
    for number in range(1, len(palette)):
        inside = (mask == number).astype(np.uint8)
        edge |= (inside > 0) & (cv2.erode(inside, np.ones((3, 3), np.uint8)) == 0)
    return layer_of(np.where(edge, mask, 0).astype(np.uint8), palette)


def shrunk(image: np.ndarray, side: int) -> np.ndarray:
    """A picture whose longer side has at most ``side`` pixels."""
    scale = side / max(image.shape[:2])
    if scale >= 1:
        return image
    size = [max(round(length * scale), 1) for length in image.shape[1::-1]]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
