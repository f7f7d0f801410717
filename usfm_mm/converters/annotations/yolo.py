"""YOLO's segmentation text: ``data.yaml``, ``images/…`` and ``labels/…``, a polygon per line."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from usfm_mm.converters.annotations.files import inside
from usfm_mm.converters.annotations.found import Found, class_names, settled, with_names
from usfm_mm.converters.annotations.shapes import Shape, paint, polygon
from usfm_mm.converters.items import ConversionError, Item, image_files
from usfm_mm.converters.left_out import files_below
from usfm_mm.io.image import read_grey
from usfm_mm.io.index_checks import SPLITS
from usfm_mm.io.optional import optional_import

_NAMES = {'train': ('train',), 'val': ('val', 'valid', 'validation'), 'test': ('test',)}
_LARGEST = 1 << 20


def config_of(source: Path) -> Path | None:
    """The YAML file that names classes and folders of images; None without."""
    for path in files_below(source):
        if path.suffix.lower() in ('.yaml', '.yml') and path.stat().st_size < _LARGEST:
            lines = path.read_text(encoding='utf-8', errors='replace').splitlines()
            keys = {line.partition(':')[0].strip() for line in lines if not line.startswith(' ')}
            if 'names' in keys and keys & {'train', 'val', 'test'}:
                return path
    return None


def read(source: Path, classes: Sequence[str]) -> Found:
    """Images of the folders that the YAML file names; those without a text have nothing in them.

    Small polygons are painted over large ones. Images are as shown, turned by EXIF.

    Args:
        source: Folder of the data set.
        classes: Other names for its classes, in their order; empty for its own.

    Raises:
        ConversionError: The YAML file or a line is damaged, a folder is missing, a class is not
            declared, a polygon lies outside of its image, or a text has no image.
    """
    file = config_of(source)
    assert file is not None
    about = _load(file)
    names = _names(about, file)
    if classes and len(classes) != len(names):
        raise ConversionError(
            f'{file} has {len(names)} classes, but --classes names {len(classes)}'
        )
    seg = class_names(classes or names, (), file)
    values = [seg.index(name) if name in seg else 0 for name in classes or names]
    items, paths, bare = [], [], 0
    for split, folder in _folders(about, file, source):
        labels = _label_folder(folder, source)
        images = image_files(folder)
        stems = {image.stem: image for image in images}
        if len(stems) < len(images):
            twice = next(image for image in images if stems[image.stem] != image)
            raise ConversionError(
                f'{twice} and {stems[twice.stem]} have one name, and so one text: rename one'
            )
        for text in sorted(labels.glob('*.txt')) if labels.is_dir() else ():
            if text.stem not in stems and text.stem.lower() != 'classes':
                raise ConversionError(
                    f'{text} has no image in {folder}: add it, or remove the text'
                )
        for image in images:
            text = labels / f'{image.stem}.txt'
            bare += not text.is_file()
            shapes = list(_shapes(text, values, names)) if text.is_file() else []
            draw = partial(paint, shapes=shapes, size=None, entry=str(text), small_on_top=True)
            picture = partial(read_grey, image)
            items.append(Item(image, '', '', masks=(draw,), split=split, read=picture))
            paths.append(image.relative_to(source).as_posix())
    if not items:
        raise ConversionError(f'{file} names no folder with images')
    note = f'{bare} images without a text are taken for images with nothing in them.'
    return Found(
        settled(with_names(items, paths), f'write test: in place of val: in {file.name}'),
        seg,
        notes=('Where polygons overlap, the smaller one is on top.', *([note] if bare else [])),
    )


def _load(file: Path) -> Mapping[str, Any]:
    yaml = optional_import('yaml', 'YOLO', 'pyyaml')
    try:
        about = yaml.safe_load(file.read_text(encoding='utf-8'))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConversionError(f'{file} is damaged ({error})') from error
    if not isinstance(about, dict):
        raise ConversionError(f'{file} is damaged: it has no names and folders')
    return about


def _names(about: Mapping[str, Any], file: Path) -> list[str]:
    names = about.get('names')
    if isinstance(names, dict) and sorted(names, key=str) == sorted(range(len(names)), key=str):
        names = [names[number] for number in range(len(names))]
    if not isinstance(names, list) or not names or len(set(map(str, names))) < len(names):
        raise ConversionError(f'{file}: names have to be a list of different names')
    return list(map(str, names))


def _folders(about: Mapping[str, Any], file: Path, source: Path) -> Iterator[tuple[str, Path]]:
    """Split and folder of images; a ``path`` of another machine is that of the YAML file here."""
    base = file.parent
    path = about.get('path')
    if isinstance(path, str) and not path.startswith(('/', '~')) and (base / path).is_dir():
        base = inside(base, path, source, f'{file}: path')
    for split in SPLITS:
        told = next((about[name] for name in _NAMES[split] if about.get(name)), None)
        for name in told if isinstance(told, list) else [told] if told else []:
            where = f'{file}: {split}'
            plain = str(name)
            if plain.startswith('../') and not (base / plain).exists():
                plain = plain.removeprefix('../')  # Roboflow's, which mean the YAML file's folder
            folder = inside(base, plain, source, where)
            if folder.is_file():
                raise ConversionError(f'{where}: {name} is a list: name the folder of its images')
            if not folder.is_dir():
                raise ConversionError(f'{where}: the folder {name} is missing: add or remove it')
            yield split, folder / 'images' if (folder / 'images').is_dir() else folder


def _label_folder(images: Path, source: Path) -> Path:
    """The folder with ``labels`` in the place of the last ``images`` of a path."""
    parts = list(images.relative_to(source).parts)
    for i in reversed(range(len(parts))):
        if parts[i] == 'images':
            parts[i] = 'labels'
            return source.joinpath(*parts)
    return images


def _shapes(text: Path, values: Sequence[int], names: Sequence[str]) -> Iterator[Shape]:
    try:
        lines = text.read_text(encoding='utf-8').splitlines()
    except ValueError as error:
        raise ConversionError(f'{text} is damaged ({error})') from error
    for number, line in enumerate(lines, start=1):
        where = f'{text}, line {number}'
        if not line.split():
            continue
        try:
            head, *rest = map(float, line.split())
        except ValueError as error:
            raise ConversionError(f'{where}: {error}') from error
        if head not in range(len(values)):
            raise ConversionError(
                f'{where}: the class {head:g} is unknown; there are 0 to {len(values) - 1} '
                f'({", ".join(names)})'
            )
        if len(rest) == 4:
            raise ConversionError(f'{where} is a box: a data set of boxes has no masks')
        if len(rest) % 2 or len(rest) < 6:
            raise ConversionError(f'{where}: a polygon is a class and x y of three points or more')
        yield Shape(values[int(head)], partial(_area, rest, where))


def _area(numbers: Sequence[float], where: str, shape: tuple[int, int]) -> np.ndarray:
    points = np.array(numbers).reshape(-1, 2) * (shape[1], shape[0])
    return polygon(points.tolist(), shape, where)
