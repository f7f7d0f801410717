"""Masks of one image's shapes, painted one over the other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from usfm_mm.converters.items import ConversionError, SizeError
from usfm_mm.io.optional import optional_import

Points = Sequence[tuple[float, float]]
Area = Callable[[tuple[int, int]], np.ndarray]
"""Given an image's (height, width): bool [H, W]."""

_MARGIN = 1.0  # pixels by which programs let a point lie beyond the border


@dataclass(frozen=True)
class Shape:
    """One annotated region.

    Attributes:
        value: Of its class in the mask.
        area: Makes its pixels.
        layer: Those of a higher layer are painted later.
    """

    value: int
    area: Area
    layer: int = 0


def paint(
    shape: tuple[int, int],
    shapes: Sequence[Shape],
    size: tuple[int, int] | None,
    entry: str,
    small_on_top: bool,
) -> np.ndarray:
    """Mask of all shapes of an image, uint8 [H, W].

    Where shapes overlap, the higher layer wins, then, if ``small_on_top``, the smaller shape, then
    the later one.

    Args:
        shape: The image's height and width.
        shapes: In the order of the file.
        size: (Height, width) as the annotations tell it, None where they do not.
        entry: File and entry, for the message.
        small_on_top: Whether small shapes are painted over large ones.

    Raises:
        SizeError: ``size`` is another than the image's.
        ConversionError: A shape cannot be painted.
    """
    if size is not None and size != shape:
        raise SizeError(
            f'{entry} is annotated as {size[1]}×{size[0]} pixels, its image has '
            f'{shape[1]}×{shape[0]}: give the image that was annotated'
        )
    areas = [part.area(shape) for part in shapes]
    order = sorted(
        range(len(shapes)),
        key=lambda i: (shapes[i].layer, -int(areas[i].sum()) if small_on_top else 0, i),
    )
    mask = np.zeros(shape, np.uint8)
    for i in order:
        mask[areas[i]] = shapes[i].value
    return mask


def check_points(points: Points, shape: tuple[int, int], entry: str) -> np.ndarray:
    """Points as float64 [N, 2], x before y.

    Raises:
        ConversionError: One lies outside of the image by more than a pixel.
    """
    array = np.asarray(points, np.float64).reshape(-1, 2)
    high = np.array([shape[1], shape[0]]) + _MARGIN
    outside = ~((array >= -_MARGIN) & (array <= high)).all(1)
    if outside.any():
        x, y = array[outside][0]
        raise ConversionError(
            f'{entry}: the point ({x:g}, {y:g}) lies outside of its image of {shape[1]}×{shape[0]} '
            'pixels: correct it, or give the image that was annotated'
        )
    return array


def polygon(points: Points, shape: tuple[int, int], entry: str) -> np.ndarray:
    """Pixels of a polygon as pycocotools fills it, bool [H, W].

    Raises:
        ConversionError: It has fewer than three points, or one outside of the image.
        ModuleNotFoundError: pycocotools is not installed.
    """
    array = check_points(points, shape, entry)
    if len(array) < 3:
        raise ConversionError(f'{entry}: a polygon of {len(array)} points has no area: remove it')
    library = optional_import('pycocotools.mask', 'filling polygons', 'usfm-mm[annotations]')
    [runs] = library.frPyObjects([array.ravel().tolist()], *shape)
    return library.decode(runs).astype(bool)


def ellipse(
    centre: tuple[float, float], radii: tuple[float, float], degrees: float, shape: tuple[int, int]
) -> np.ndarray:
    """Pixels whose centre lies in an ellipse, bool [H, W].

    Args:
        centre: x, y.
        radii: Along x and y before turning.
        degrees: By which it is turned, clockwise to the eye.
        shape: The image's height and width.

    Example:
        >>> int(ellipse((10, 10), (5, 3), 30, (20, 20)).sum())  # 5 · 3 · π = 47.1
        48
    """
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    x, y = x - centre[0], y - centre[1]
    angle = np.deg2rad(degrees)
    along = x * np.cos(angle) + y * np.sin(angle)
    across = y * np.cos(angle) - x * np.sin(angle)
    return (along / max(radii[0], 1e-9)) ** 2 + (across / max(radii[1], 1e-9)) ** 2 <= 1


def turned_box(
    low: tuple[float, float], high: tuple[float, float], degrees: float
) -> list[tuple[float, float]]:
    """Corners of a box that is turned about its centre, clockwise to the eye.

    Example:
        >>> [(round(x), round(y)) for x, y in turned_box((0, 0), (4, 2), 90)]
        [(3, -1), (3, 3), (1, 3), (1, -1)]
    """
    cx, cy = (low[0] + high[0]) / 2, (low[1] + high[1]) / 2
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    corners = (low, (high[0], low[1]), high, (low[0], high[1]))
    return [
        (
            float(cx + (x - cx) * cos - (y - cy) * sin),
            float(cy + (x - cx) * sin + (y - cy) * cos),
        )
        for x, y in corners
    ]
