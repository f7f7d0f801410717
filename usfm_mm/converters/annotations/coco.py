"""COCO's JSON: polygons and run lengths, of instances, crowds and several classes per image."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from usfm_mm.converters.annotations.files import Images, field, read_json, split_of
from usfm_mm.converters.annotations.found import (
    BACKGROUND,
    Found,
    class_names,
    left_out,
    settled,
    with_names,
)
from usfm_mm.converters.annotations.rle import decode_runs, runs_of_text
from usfm_mm.converters.annotations.shapes import Shape, paint, polygon
from usfm_mm.converters.items import ConversionError, Item
from usfm_mm.converters.left_out import files_below

TITLE = 'COCO JSON'
_KEYS = ('images', 'annotations', 'categories')


def files_of(source: Path) -> list[Path]:
    """Files of a folder that have COCO's lists, as their text shows."""
    return [path for path in files_below(source) if path.suffix.lower() == '.json' and _is(path)]


def _is(path: Path) -> bool:
    text = path.read_bytes()
    return b'"shapes"' not in text[:4096] and all(f'"{key}"'.encode() in text for key in _KEYS)


def read(source: Path, classes: Sequence[str]) -> Found:
    """Images of all files; instances of one class are joined, small ones lie over large ones.

    Crowds are painted below all others. The split is that which a file's name or folder tells.
    Of files that ``usfm export-data`` wrote, labels, patients and organs are taken, too.

    Args:
        source: Folder of the data set.
        classes: Names of the mask values 1, 2, …; empty for the file's categories by their numbers.

    Raises:
        ConversionError: A file is damaged, names an image that is missing, a class that is not
            declared, a polygon outside of its image, or run lengths of another size.
    """
    images = Images(source)
    files = [(path, read_json(path)) for path in files_of(source)]
    for path, content in files:
        for key in _KEYS:
            field(content, key, list, str(path))
    names = _categories(files)
    seg = class_names((names[number] for number in sorted(names)), classes, files[0][0])
    values = {n: 0 if name.lower() in BACKGROUND else seg.index(name) for n, name in names.items()}
    rows = [row for path, content in files for row in _rows(path, content, images, values, source)]
    numbers = [number for number, _, _ in rows]
    if len(set(numbers)) == len(numbers):  # one numbering for all files: its order is the set's
        rows.sort(key=lambda row: row[0])
    items = settled(
        with_names((item for _, item, _ in rows), [name for _, _, name in rows]),
        "call the file of val's annotations and its folder test",
    )
    infos = (content.get('info') for _, content in files)
    info: dict[str, Any] = next((found for found in infos if isinstance(found, dict)), {})
    labels = {item.label for item in items if item.label}
    told = [name for name in info.get('cls_classes') or sorted(labels) if isinstance(name, str)]
    overlap = 'Where instances overlap, the smaller one is on top; crowds lie below.'
    return Found(
        items,
        seg,
        tuple(told) if labels and labels <= set(told) else (),
        (overlap, *left_out('images that no entry names', images.left())),
        patients=any(item.patient for item in items),
        page=str(info.get('url', '')),
        licence=str(info.get('licence', '')),
    )


def _categories(files: Iterable[tuple[Path, Any]]) -> dict[int, str]:
    names: dict[int, str] = {}
    for path, content in files:
        for i, entry in enumerate(content['categories']):
            where = f'{path}: categories[{i}]'
            number, name = field(entry, 'id', int, where), field(entry, 'name', str, where)
            if names.setdefault(number, name) != name:
                raise ConversionError(f'{where}: {number} is {names[number]!r} elsewhere: rename')
    if len(set(names.values())) < len(names):
        raise ConversionError('two categories have one name: rename one')
    return names


def _rows(
    path: Path, content: Any, images: Images, values: dict[int, int], source: Path
) -> list[tuple[int, Item, str]]:
    """Number, item and path of every image in a file."""
    split = split_of(path.relative_to(source))
    by_image: dict[int, list[Shape]] = defaultdict(list)
    entries: dict[int, Any] = {}
    for i, entry in enumerate(content['images']):
        number = field(entry, 'id', int, f'{path}: images[{i}]')
        if number in entries:
            raise ConversionError(f'{path}: images[{i}]: id {number} is that of another image')
        entries[number] = entry
    for i, entry in enumerate(content['annotations']):
        where = f'{path}: annotations[{i}]'
        if isinstance(entry, dict) and isinstance(entry.get('id'), int):
            where += f' (id {entry["id"]})'
        of = field(entry, 'image_id', int, where)
        if of not in entries:
            raise ConversionError(f'{where}: image_id {of} is that of no image: remove it')
        by_image[of].append(_shape(entry, values, where))
    rows = []
    for number, entry in entries.items():
        where = f'{path}: image {number}'
        name = field(entry, 'file_name', str, where)
        file = images.take_once(name, f'{path}: image {number}', split)
        size = field(entry, 'height', int, where), field(entry, 'width', int, where)
        draw = partial(
            paint,
            shapes=by_image[number],
            size=size,
            entry=f'{path}: image {number} ({name})',
            small_on_top=True,
        )
        text = {
            key: str(entry[key])
            for key in ('label', 'patient', 'organ')
            if isinstance(entry.get(key), str | int)
        }
        item = Item(
            image=file,
            name='',
            organ=text.get('organ', ''),
            masks=(draw,),
            label=text.get('label') or None,
            patient=text.get('patient') or None,
            split=split,
        )
        rows.append((number, item, file.relative_to(source).as_posix()))
    return rows


def _shape(entry: Any, values: dict[int, int], where: str) -> Shape:
    number = field(entry, 'category_id', int, where)
    if number not in values:
        raise ConversionError(
            f'{where}: category_id {number} is not in categories, which has '
            f'{", ".join(map(str, sorted(values)))}: add it there'
        )
    regions = entry.get('segmentation')
    if not isinstance(regions, dict | list) or not regions:
        raise ConversionError(
            f'{where}: it has a box but no segmentation: a data set of boxes has no masks'
        )
    area = partial(_runs if isinstance(regions, dict) else _polygons, regions, entry=where)
    return Shape(values[number], lambda shape: area(shape=shape), -1 if entry.get('iscrowd') else 0)


def _runs(regions: Any, shape: tuple[int, int], entry: str) -> np.ndarray:
    size, counts = regions.get('size'), regions.get('counts')
    if size != list(shape):
        raise ConversionError(
            f'{entry}: its RLE has the size {size} (height, width), its image {list(shape)}: '
            'export it again with the image that was annotated'
        )
    if isinstance(counts, str):
        counts = runs_of_text(counts, entry)
    elif not isinstance(counts, list):
        raise ConversionError(f'{entry}: counts of its RLE are missing')
    return decode_runs(counts, shape, entry)


def _polygons(regions: Any, shape: tuple[int, int], entry: str) -> np.ndarray:
    mask = np.zeros(shape, bool)
    for one in regions:
        numbers = isinstance(one, list) and all(type(v) in (int, float) for v in one)
        if not numbers or len(one) % 2:
            raise ConversionError(f'{entry}: a polygon is a list of x, y, x, y, …')
        mask |= polygon(list(zip(one[::2], one[1::2], strict=True)), shape, entry)
    return mask
