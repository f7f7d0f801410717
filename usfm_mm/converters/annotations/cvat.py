"""CVAT for images 1.1, an XML file: polygons, boxes, ellipses and masks."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from usfm_mm.converters.annotations.files import Images, read_xml, split_of
from usfm_mm.converters.annotations.found import (
    BACKGROUND,
    Found,
    class_names,
    left_out,
    settled,
    with_names,
)
from usfm_mm.converters.annotations.rle import decode_runs
from usfm_mm.converters.annotations.shapes import (
    Shape,
    check_points,
    ellipse,
    paint,
    polygon,
    turned_box,
)
from usfm_mm.converters.items import ConversionError, Item
from usfm_mm.converters.left_out import files_below
from usfm_mm.io.image import read_grey

_HEAD = 4096
_NO_AREA = ('polyline', 'points', 'cuboid', 'skeleton', 'tag')


def files_of(source: Path) -> list[Path]:
    """Files of a folder that begin as CVAT's do."""
    return [path for path in files_below(source) if path.suffix.lower() == '.xml' and _is(path)]


def _is(path: Path) -> bool:
    with path.open('rb') as file:
        head = file.read(_HEAD)
    return b'<annotations' in head and (b'<meta' in head or b'<image ' in head)


def read(source: Path, classes: Sequence[str]) -> Found:
    """Images of all files; shapes lie over each other by ``z_order``, then as they follow.

    Images are as shown, turned by EXIF. What has no area (lines, points) is left out. The split is
    an image's ``subset``, or what its folder tells.

    Args:
        source: Folder of the data set.
        classes: Names of the mask values 1, 2, …; empty for the labels of the task in their order.

    Raises:
        ConversionError: A file is damaged, names an image that is missing, or has a label that is
            not declared, or a shape that is wrong or outside of its image.
    """
    images = Images(source)
    files = [(path, read_xml(path)) for path in files_of(source)]
    labels = [name for _, root in files for name in _labels(root)]
    seg = class_names(labels, classes, files[0][0])
    items, paths, lines = [], [], []
    for path, root in files:
        for entry in root.iter('image'):
            name = entry.get('name')
            where = f'{path}: image {entry.get("id")} ({name})'
            split = split_of(Path(str(entry.get('subset') or ''), 'image')) or split_of(
                Path(str(name).replace('\\', '/'))
            )
            image = images.take_once(name, where, split)
            shapes = []
            for i, part in enumerate(entry):
                if part.tag in _NO_AREA:
                    lines.append(f'{name}: {part.tag}')
                    continue
                at = f'{where}: {part.tag} {i + 1} ({part.get("label")})'
                label = part.get('label')
                if label not in labels:
                    raise ConversionError(
                        f'{at}: the label is not one of those of the task: {", ".join(labels)}'
                    )
                value = 0 if label.lower() in BACKGROUND else seg.index(label)
                area = partial(_area, part, at)
                shapes.append(Shape(value, area, int(_number(part, 'z_order', at, 0))))
            size = int(_number(entry, 'height', where)), int(_number(entry, 'width', where))
            draw = partial(paint, shapes=shapes, size=size, entry=where, small_on_top=False)
            picture = partial(read_grey, image)
            items.append(Item(image, '', '', masks=(draw,), split=split, read=picture))
            paths.append(image.relative_to(source).as_posix())
    return Found(
        settled(with_names(items, paths), 'call the subset of val Test'),
        seg,
        notes=(
            'Where shapes overlap, the one of higher z_order, then the later one, is on top.',
            *left_out('shapes without area', lines),
            *left_out('images that no entry names', images.left()),
        ),
    )


def _labels(root: Any) -> Iterator[str]:
    """Names of the task's labels; without a list of them, of all shapes."""
    told = [name for label in root.iter('label') if (name := label.findtext('name'))]
    shapes = (shape.get('label') for image in root.iter('image') for shape in image)
    yield from told or sorted({label for label in shapes if label})


def _number(entry: Any, key: str, where: str, default: float | None = None) -> float:
    text = entry.get(key)
    if text is None and default is not None:
        return default
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = float('nan')
    if not abs(value) < 1e9:
        raise ConversionError(f'{where}: {key} is missing or wrong ({text!r})')
    return value


def _area(part: Any, where: str, shape: tuple[int, int]) -> np.ndarray:
    """Pixels of one shape, bool [H, W]."""
    areas: dict[str, Callable[..., np.ndarray]] = {
        'polygon': _polygon,
        'box': _box,
        'ellipse': _ellipse,
        'mask': _mask,
    }
    if part.tag not in areas:
        raise ConversionError(f'{where}: this kind of shape is not read: draw a polygon')
    return areas[part.tag](part, where, shape)


def _polygon(part: Any, where: str, shape: tuple[int, int]) -> np.ndarray:
    try:
        pairs = [pair.split(',') for pair in part.get('points', '').split(';')]
        points = [(float(x), float(y)) for x, y in pairs]
    except ValueError as error:
        raise ConversionError(f'{where}: points have to be x,y;x,y;… ({error})') from error
    return polygon(points, shape, where)


def _box(part: Any, where: str, shape: tuple[int, int]) -> np.ndarray:
    x0, y0, x1, y1 = (_number(part, key, where) for key in ('xtl', 'ytl', 'xbr', 'ybr'))
    return polygon(
        turned_box((x0, y0), (x1, y1), _number(part, 'rotation', where, 0)), shape, where
    )


def _ellipse(part: Any, where: str, shape: tuple[int, int]) -> np.ndarray:
    x, y, rx, ry = (_number(part, key, where) for key in ('cx', 'cy', 'rx', 'ry'))
    check_points([(x, y)], shape, where)
    return ellipse((x, y), (rx, ry), _number(part, 'rotation', where, 0), shape)


def _mask(part: Any, where: str, shape: tuple[int, int]) -> np.ndarray:
    left, top, width, height = (
        int(_number(part, key, where)) for key in ('left', 'top', 'width', 'height')
    )
    if min(left, top) < 0 or left + width > shape[1] or top + height > shape[0]:
        raise ConversionError(f'{where}: its mask reaches out of its image')
    try:
        runs = [int(run) for run in part.get('rle', '').split(',')]
    except ValueError as error:
        raise ConversionError(f'{where}: rle has to be numbers ({error})') from error
    area = np.zeros(shape, bool)
    box = decode_runs(runs, (height, width), where, by_column=False)
    area[top : top + height, left : left + width] = box
    return area
