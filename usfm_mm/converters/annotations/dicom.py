"""DICOM images with DICOM Segmentations, matched by the instance and frame that these refer to."""

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from usfm_mm.converters.annotations.dicom_segments import Segments, read_segments
from usfm_mm.converters.annotations.found import BACKGROUND, Found, class_names, with_names
from usfm_mm.converters.items import ConversionError, Item
from usfm_mm.converters.left_out import files_below
from usfm_mm.converters.masks import check_size
from usfm_mm.database.readers.spacing import TAGS, spacing_of_dicom
from usfm_mm.database.types import Options, RejectedError
from usfm_mm.io.optional import optional_import

SEGMENTATION = '1.2.840.10008.5.1.4.1.1.66.4'
LABEL_MAP = '1.2.840.10008.5.1.4.1.1.66.7'
_SUFFIXES = ('', '.dcm', '.dicom', '.ima')


def is_it(source: Path) -> bool:
    """Is there a DICOM Segmentation in the folder?"""
    return any(map(_is_segmentation, _dicom_files(source)))


def _dicom_files(source: Path) -> list[Path]:
    found = []
    for path in files_below(source):
        if path.suffix.lower() in _SUFFIXES or path.stem.replace('.', '').isdigit():
            with path.open('rb') as file:
                if file.read(132)[128:] == b'DICM':
                    found.append(path)
    return found


def _is_segmentation(path: Path) -> bool:
    return str(_header(path).get('SOPClassUID', '')) in (SEGMENTATION, LABEL_MAP)


def _header(path: Path) -> Any:
    pydicom = optional_import('pydicom', 'DICOM', 'usfm-mm[data]')
    from usfm_mm.database.readers.dicom import quiet

    tags = ['SOPClassUID', 'SOPInstanceUID', 'PatientID', 'NumberOfFrames', *TAGS]
    try:
        with quiet():
            return pydicom.dcmread(path, stop_before_pixels=True, specific_tags=tags)
    except Exception as error:  # pydicom raises many kinds on broken headers
        raise ConversionError(f'{path} is damaged: its header cannot be read') from error


def read(source: Path, classes: Sequence[str]) -> Found:
    """Every frame that a segmentation refers to, and single images that it says are empty.

    Classes are the segments' labels. Where segments overlap, the later class is on top. Patients
    are numbered: their ids are not written.

    Args:
        source: Folder of the data set.
        classes: Names of the mask values 1, 2, …; empty for the labels by the segments' numbers.

    Raises:
        ConversionError: A file is damaged, two have one instance number, a segmentation refers to
            an image or frame that is not there or is of another size, or an image has none.
    """
    files = _dicom_files(source)
    headers = {path: _header(path) for path in files}
    images: dict[str, Path] = {}
    segmentations = []
    for path, header in headers.items():
        number = str(header.get('SOPInstanceUID', ''))
        if _is_segmentation(path):
            segmentations.append(read_segments(path))
        elif number in images:
            raise ConversionError(f'{path} and {images[number]} are the same instance: remove one')
        else:
            images[number] = path
    labels = sorted({(n, label) for s in segmentations for n, label in s.labels.items()})
    seg = class_names((label for _, label in labels), classes, source)
    frames = _frames(segmentations, images, headers, seg)
    several = _untold(images, headers, frames, segmentations)
    patients = sorted({str(h.get('PatientID') or '') for h in headers.values()} - {''})
    items, names = [], []
    for (path, frame), parts in sorted(frames.items(), key=lambda entry: entry[0]):
        wanted = tuple(sorted(f for other, f in frames if other == path))
        patient = str(headers[path].get('PatientID') or '')
        items.append(
            Item(
                path,
                '',
                '',
                masks=tuple(partial(_area, part, value) for part, value in parts) or (_nothing,),
                patient=f'p{patients.index(patient) + 1:03d}' if patient else None,
                read=partial(_picture, path, frame, wanted),
                spacing=spacing_of_dicom(headers[path]),
            )
        )
        whole = path.relative_to(source).as_posix()
        end = f'_{frame + 1:03d}' * (int(headers[path].get('NumberOfFrames') or 1) > 1)
        names.append(f'{whole.removesuffix(path.suffix)}{end}.png')
    notes: tuple[str, ...] = ('Where segments overlap, the later class is on top.',)
    if several:
        notes += (f'Left out: {several} frames of clips that no segmentation refers to.',)
    notes += ('Pictures are taken whole, with any text on them: look at contact_sheet.png.',)
    return Found(with_names(items, names), seg, notes=notes, patients=bool(patients))


Parts = list[tuple[tuple[Segments, int, int | None], int]]
"""Per segment: the segmentation, its frame, the value in it (None: any), and our class."""


def _frames(
    segmentations: Sequence[Segments],
    images: dict[str, Path],
    headers: dict[Path, Any],
    seg: Sequence[str],
) -> dict[tuple[Path, int], Parts]:
    """What is segmented of each file and frame, from 0."""
    frames: dict[tuple[Path, int], Parts] = defaultdict(list)
    for own in segmentations:
        for i, source in enumerate(own.sources):
            where = f'{own.path}, frame {i + 1}'
            if source.instance not in images:
                raise ConversionError(
                    f'{where} refers to the image {source.instance}, which is not here: add it'
                )
            path = images[source.instance]
            count = int(headers[path].get('NumberOfFrames') or 1)
            if not 0 <= source.frame < count:
                raise ConversionError(
                    f'{where} refers to frame {source.frame + 1} of {path}, which has {count}'
                )
            numbers = own.labels if source.segment is None else [source.segment]
            for number in sorted(numbers):
                if number not in own.labels:
                    raise ConversionError(f'{where}: segment {number} is not described')
                label = own.labels[number]
                value = 0 if label.lower() in BACKGROUND else seg.index(label)
                part = (own, i, number if source.segment is None else None)
                frames[path, source.frame].append((part, value))
    for parts in frames.values():
        parts.sort(key=lambda part: part[1])
    return frames


def _untold(
    images: dict[str, Path],
    headers: dict[Path, Any],
    frames: dict[tuple[Path, int], Parts],
    segmentations: Sequence[Segments],
) -> int:
    """Add the images that are said to be empty; the number of a clip's frames that are not told."""
    referred = {number for own in segmentations for number in own.referred}
    told: dict[Path, int] = defaultdict(int)
    for path, _ in frames:
        told[path] += 1
    left = 0
    for number, path in images.items():
        count = int(headers[path].get('NumberOfFrames') or 1)
        if path in told:
            left += count - told[path]
        elif count == 1 and number in referred:  # segmentations leave empty frames out
            frames[path, 0] = []
        else:
            raise ConversionError(f'{path} has no segmentation: add one, or remove the image')
    return left


def _nothing(shape: tuple[int, int]) -> np.ndarray:
    return np.zeros(shape, np.uint8)


def _area(part: tuple[Segments, int, int | None], value: int, shape: tuple[int, int]) -> np.ndarray:
    own, frame, segment = part
    pixels = own.pixels()[frame]
    check_size(own.path, pixels.shape, shape)
    area = pixels == segment if segment is not None else pixels > 0
    return area.astype(np.uint8) * np.uint8(value)


def _picture(path: Path, frame: int, wanted: tuple[int, ...], bits: int | None) -> np.ndarray:
    return _read(path, wanted)[frame]


@lru_cache(maxsize=2)  # frames are asked for one by one
def _read(path: Path, wanted: tuple[int, ...]) -> dict[int, np.ndarray]:
    from usfm_mm.database.readers import open_clip

    found: dict[int, np.ndarray] = {}
    try:
        for number, pixels in open_clip(path, Options()).read(1):
            if number in wanted and pixels is not None:
                found[number] = (
                    pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
                )
    except RejectedError as error:
        raise ConversionError(f'{path} is not read: {error}') from error
    missing = set(wanted) - set(found)
    if missing:
        raise ConversionError(f'{path}: frame {min(missing) + 1} cannot be decoded')
    return found
