"""Answers drawn onto their pictures."""

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

_COVER = 0.35  # of the colour, so that speckle shows through
_LEVELS = np.arange(256)[:, None]
_LARGEST, _SHARE = 28, 24  # height of letters: a part of the picture's


def overlay(image: np.ndarray, mask: np.ndarray, palette: Sequence[Sequence[int]]) -> np.ndarray:
    """Colour the classes of a mask, with their outlines; background, number 0, stays as it is.

    Args:
        image: uint8 [H, W] or [H, W, 3] (RGB).
        mask: Numbers of classes, or of one class where it is, integers or bool [H, W].
        palette: RGB colour of each class.

    Returns:
        uint8 [H, W, 3].
    """
    drawn = as_rgb(image).copy()
    mask = np.asarray(mask).astype(np.uint8, copy=False)  # OpenCV dies of bool
    for number in range(1, len(palette)):
        inside = cv2.inRange(mask, number, number)
        if not inside.any():
            continue
        colour = np.array(palette[number], np.float32)
        # Of a level there is one result: a table of 256 in place of products of all pixels.
        covered = np.rint((1 - _COVER) * _LEVELS + _COVER * colour).astype(np.uint8)
        cv2.copyTo(cv2.LUT(drawn, covered[None]), inside, drawn)
        outline = cv2.bitwise_xor(inside, cv2.erode(inside, np.ones((3, 3), np.uint8)))
        drawn[outline > 0] = colour
    return drawn


def heat(image: np.ndarray, values: np.ndarray, highest: float | None = None) -> np.ndarray:
    """Colour a picture by how high a map is, from nothing at 0 and below to full colour.

    Args:
        image: uint8 [H, W] or [H, W, 3] (RGB).
        values: float [H, W].
        highest: The value of full colour; by default the map's highest.

    Returns:
        uint8 [H, W, 3].
    """
    highest = float(values.max()) if highest is None else highest
    level = (values / max(highest, 1e-12)).clip(0, 1)
    colours = cv2.applyColorMap(np.rint(255 * level).astype(np.uint8), cv2.COLORMAP_INFERNO)
    cover = 0.6 * level[..., None]
    return np.rint((1 - cover) * as_rgb(image) + cover * colours[..., ::-1]).astype(np.uint8)


def captioned(image: np.ndarray, text: str) -> np.ndarray:
    """Put a line of text above a picture: uint8 [H + h, W, 3]; the picture itself is not touched.

    Characters that Pillow's own font lacks become boxes.
    """
    image = as_rgb(image)
    height = int(np.clip(image.shape[0] // _SHARE, 10, _LARGEST))
    bar = Image.new('RGB', (image.shape[1], height + height // 2))
    font = ImageFont.load_default(height)
    ImageDraw.Draw(bar).text((height // 4, height // 8), text, fill='white', font=font)
    return np.concatenate([np.asarray(bar), image])


def side_by_side(images: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures of one height next to each other: uint8 [H, W, 3]."""
    return np.concatenate([as_rgb(image) for image in images], axis=1)


def as_rgb(image: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3] of grey [H, W] or of RGB."""
    return image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
