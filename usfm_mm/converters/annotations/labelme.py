"""LabelMe's JSON, one file per image: polygons, rectangles, circles and drawn masks."""

import base64
import binascii
import io
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from usfm_mm.converters.annotations.files import Images, field, inside, read_json, split_of
from usfm_mm.converters.annotations.found import (
    BACKGROUND,
    Found,
    class_names,
    left_out,
    settled,
    with_names,
)
from usfm_mm.converters.annotations.shapes import Shape, check_points, paint
from usfm_mm.converters.items import ConversionError, Item
from usfm_mm.converters.left_out import files_below
from usfm_mm.io.image import decode_grey, read_grey
from usfm_mm.io.image_file import BadImageError

_HEAD = 4096
_NO_AREA = ('line', 'linestrip', 'point', 'points')


def files_of(source: Path) -> list[Path]:
    """Files of a folder that begin as LabelMe's do, in order."""
    return [path for path in files_below(source) if path.suffix.lower() == '.json' and _is(path)]


def _is(path: Path) -> bool:
    with path.open('rb') as file:
        return b'"shapes"' in file.read(_HEAD)


def read(source: Path, classes: Sequence[str]) -> Found:
    """Images of all files; later shapes are painted over earlier ones, as LabelMe does.

    The image is the one within the JSON, else the file that it names. Images are as shown, turned
    by EXIF. Shapes without area (lines, points) are left out.

    Args:
        source: Folder of the data set.
        classes: Names of the mask values 1, 2, …; empty for the labels in alphabetical order.

    Raises:
        ConversionError: A file is damaged, names an image that is missing, or has a label that is
            not in ``classes`` or a shape outside of its image.
    """
    images = Images(source)
    files = [(path, read_json(path)) for path in files_of(source)]
    shapes = [(path, _shapes(path, content)) for path, content in files]
    labels = sorted({shape['label'] for _, own in shapes for shape in own})
    try:
        seg = class_names(labels, classes, source)
    except ConversionError:
        _name_file(shapes, classes)
        raise
    lines = [
        f'{path.name}: {shape["shape_type"]} {shape["label"]}'
        for path, own in shapes
        for shape in own
        if shape.get('shape_type') in _NO_AREA
    ]
    items = []
    for (path, content), (_, own) in zip(files, shapes, strict=True):
        image, picture = _picture(path, content, images, source)
        painted = [
            Shape(0 if label.lower() in BACKGROUND else seg.index(label), partial(_area, entry, at))
            for i, entry in enumerate(own)
            for label, at in [(entry['label'], f'{path}: shapes[{i}] ({entry["label"]})')]
            if entry.get('shape_type') not in _NO_AREA
        ]
        size = (
            field(content, 'imageHeight', int, str(path)),
            field(content, 'imageWidth', int, str(path)),
        )
        draw = partial(paint, shapes=painted, size=size, entry=str(path), small_on_top=False)
        split = split_of(path.relative_to(source).parent / 'image')
        items.append(Item(image, '', '', masks=(draw,), split=split, read=picture))
    names = [path.relative_to(source).with_suffix('.png').as_posix() for path, _ in files]
    return Found(
        settled(with_names(items, names), 'call the folder of val test'),
        seg,
        notes=(
            'Where shapes overlap, the later one is on top.',
            *left_out('shapes without area', lines),
            *left_out('images without a JSON file', images.left()),
        ),
    )


def _shapes(path: Path, content: Any) -> list[dict[str, Any]]:
    shapes = field(content, 'shapes', list, str(path))
    for i, shape in enumerate(shapes):
        field(shape, 'label', str, f'{path}: shapes[{i}]')
    return shapes


def _name_file(shapes: Sequence[tuple[Path, list[dict]]], classes: Sequence[str]) -> None:
    """Say in which entry a label stands that is not among the classes."""
    for path, own in shapes:
        for i, shape in enumerate(own):
            class_names([shape['label']], classes, Path(f'{path}: shapes[{i}]'))


def _picture(path: Path, content: Any, images: Images, source: Path) -> tuple[Path, Any]:
    """File that an item goes by, and how its picture is read."""
    embedded, name = content.get('imageData'), content.get('imagePath')
    file = inside(path.parent, name, source, f'{path}: imagePath') if name else None
    found = file is not None and file.is_file()
    if found and file is not None:
        if file in images.taken:
            raise ConversionError(f'{path}: {file} has another JSON file, too: remove one of them')
        images.taken.add(file)
    if embedded:
        return (file if found and file else path), partial(_embedded, embedded, path)
    if not found or file is None:
        raise ConversionError(f'{path}: imagePath: the image {name!r} is missing: add it')
    return file, partial(read_grey, file)


def _embedded(text: Any, path: Path, bits: int | None) -> np.ndarray:
    try:
        return decode_grey(_bytes(text), bits)
    except (BadImageError, ValueError, TypeError) as error:
        raise ConversionError(f'{path}: imageData is no image ({error})') from error


def _bytes(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f'it is not in base64: {error}') from error


def _area(entry: Any, where: str, shape: tuple[int, int]) -> np.ndarray:
    """Pixels of one shape as LabelMe draws them, bool [H, W]."""
    kind = entry.get('shape_type') or 'polygon'
    raw = field(entry, 'points', list, where)
    if not all(isinstance(p, list) and len(p) == 2 and all(map(_is_number, p)) for p in raw):
        raise ConversionError(f'{where}: points are pairs of numbers')
    if kind == 'circle' and len(raw) == 2:  # the second point may lie outside, as may the circle
        (cx, cy), (x, y) = check_points(raw[:1], shape, where)[0], raw[1]
        radius = math.hypot(cx - x, cy - y)
        if radius > 2 * max(shape):
            raise ConversionError(f'{where}: the circle is larger than its image')
        return _drawn(shape, 'ellipse', (cx - radius, cy - radius, cx + radius, cy + radius))
    points = check_points(raw, shape, where)
    if kind == 'polygon' and len(points) > 2:
        return _drawn(shape, 'polygon', [tuple(point) for point in points.tolist()])
    if kind in ('rectangle', 'mask') and len(points) == 2:
        low, high = points.min(0), points.max(0)
        if kind == 'rectangle':
            return _drawn(shape, 'rectangle', (*low, *high))
        return _placed(entry.get('mask'), low.astype(int), shape, where)
    raise ConversionError(f'{where}: a {kind} of {len(points)} points is not read: draw a polygon')


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _drawn(shape: tuple[int, int], kind: str, where: Any) -> np.ndarray:
    canvas = Image.new('L', shape[::-1])
    getattr(ImageDraw.Draw(canvas), kind)(where, outline=1, fill=1)
    return np.asarray(canvas) > 0


def _placed(text: Any, corner: np.ndarray, shape: tuple[int, int], where: str) -> np.ndarray:
    """A mask within the JSON, laid at its box."""
    try:
        with Image.open(io.BytesIO(_bytes(text))) as image:
            part = np.asarray(image.convert('L')) > 0
    except (OSError, SyntaxError, ValueError, TypeError) as error:
        raise ConversionError(f'{where}: its mask is no image ({error})') from error
    x, y = corner.clip(0).tolist()
    area = np.zeros(shape, bool)
    if y + part.shape[0] > shape[0] or x + part.shape[1] > shape[1]:
        raise ConversionError(f'{where}: its mask reaches out of its image')
    area[y : y + part.shape[0], x : x + part.shape[1]] = part
    return area
