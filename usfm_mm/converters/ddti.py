"""DDTI: thyroid nodules, outlined in XML files."""

import json
import re
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np

from usfm_mm.converters.items import (
    ConversionError,
    Converter,
    Item,
    find_folder,
    image_files,
    safe_name,
)

Polygon = list[tuple[float, float]]


def walk(source: Path) -> Iterator[Item]:
    """``12_1.jpg``, ``12_2.jpg`` … of case 12, with the regions that ``12.xml`` marks in them.

    Images without any region are left out, with a warning: every case is one of a nodule, so that
    nothing marked does not mean that nothing is there.

    Raises:
        ConversionError: The layout is another one, an XML file is damaged or missing, or marks an
            image that is not there.
    """
    root = find_folder(source, lambda folder: any(folder.glob('*.xml')), 'N.xml beside N_1.jpg')
    regions: dict[str, list[Polygon]] = {}
    files = {path.stem: path for path in sorted(root.glob('*.xml'))}
    for case, path in files.items():
        for number, polygons in _read_marks(path):
            regions.setdefault(f'{case}_{number}', []).extend(polygons)
    unmarked = []
    for image in image_files(root):
        case = image.stem.rpartition('_')[0]
        if case not in files:
            raise ConversionError(f'{image} has no {case or image.stem}.xml: add it or remove it')
        polygons = regions.pop(image.stem, [])
        if not polygons:
            unmarked.append(image)
            continue
        yield Item(
            image=image,
            name=safe_name(image.name),
            organ='thyroid',
            masks=(partial(polygon_mask, polygons, image),),
            patient=case,
        )
    marked = sorted(name for name, polygons in regions.items() if polygons)
    if marked:
        case = marked[0].rpartition('_')[0]
        raise ConversionError(
            f'{files[case]} marks {marked[0]}.jpg, which is not there: add it or delete its mark'
        )
    if unmarked:
        warnings.warn(
            f'{len(unmarked)} images have no region and are left out, the first is {unmarked[0]}',
            stacklevel=2,
        )


def polygon_mask(polygons: list[Polygon], image: Path, shape: tuple[int, int]) -> np.ndarray:
    """Fill polygons, their outline included.

    Args:
        polygons: Corners (x, y) in pixels of each; what lies outside of the image is cut off.
        image: Its file, for the message.
        shape: The image's height and width.

    Returns:
        uint8 [H, W], 0 or 1.

    Raises:
        ConversionError: A polygon lies outside of the image.
    """
    mask = np.zeros(shape, np.uint8)
    for polygon in polygons:
        filled = np.zeros(shape, np.uint8)
        cv2.fillPoly(filled, [np.rint(polygon).astype(np.int32)], 1)
        if not filled.any():
            raise ConversionError(
                f'{image}: a region of its XML file lies outside of its {shape[1]}×{shape[0]} '
                'pixels: use the images as released, neither cropped nor resized'
            )
        mask |= filled
    return mask


def _read_marks(path: Path) -> Iterator[tuple[str, list[Polygon]]]:
    """Number of an image and its polygons, from ``<mark><image>1</image><svg>[…]</svg></mark>``."""
    try:
        for mark in ElementTree.parse(path).getroot().iter('mark'):
            number = re.sub(r'\s', '', mark.findtext('image') or '')
            regions = json.loads(mark.findtext('svg') or '[]')
            polygons = [[(p['x'], p['y']) for p in region['points']] for region in regions]
            yield number, [polygon for polygon in polygons if polygon]
    except (ElementTree.ParseError, ValueError, KeyError, TypeError) as error:
        raise ConversionError(f'{path} is damaged ({error}): download it again') from error


DDTI = Converter(
    name='ddti',
    page='http://cimalab.intec.co/applications/thyroid',
    licence='not verified',
    walk=walk,
    seg_classes=('background', 'nodule'),
)
