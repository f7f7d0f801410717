"""Data sets in the formats of annotation programs and of other trainers."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from usfm_mm.converters.annotations import (
    coco,
    cvat,
    dicom,
    labelme,
    nnunet,
    structures,
    volumes,
    yolo,
)
from usfm_mm.converters.annotations.found import Found
from usfm_mm.converters.completing import complete
from usfm_mm.converters.items import ConversionError, Converter
from usfm_mm.converters.patients import check_pattern
from usfm_mm.converters.table import Table


class Format(NamedTuple):
    """A format that is read.

    Attributes:
        title: What it is called.
        is_it: Whether a folder holds it.
        read: Reads a folder; takes the names of classes from the command line.
    """

    title: str
    is_it: Callable[[Path], bool]
    read: Callable[[Path, Sequence[str]], Found]


FORMATS = {
    'nnunet': Format('nnU-Net raw data', nnunet.is_it, nnunet.read),
    'coco': Format('COCO JSON', lambda source: bool(coco.files_of(source)), coco.read),
    'labelme': Format('LabelMe JSON', lambda source: bool(labelme.files_of(source)), labelme.read),
    'yolo': Format('YOLO text', lambda source: yolo.config_of(source) is not None, yolo.read),
    'cvat': Format('CVAT for images', lambda source: bool(cvat.files_of(source)), cvat.read),
    'dicom': Format('DICOM with segmentations', dicom.is_it, dicom.read),
    'volumes': Format('volumes with masks', volumes.is_it, volumes.read),
    'structures': Format('masks of single structures', structures.is_it, structures.read),
}
"""By the name on the command line."""


def detect(source: Path) -> str | None:
    """Name of the format that a folder holds, None where it is none of them.

    Raises:
        ConversionError: It holds several.
    """
    found = [name for name, kind in FORMATS.items() if kind.is_it(source)]
    if len(found) > 1 and 'volumes' in found:  # which hold the pictures of the others
        found.remove('volumes')
    if len(found) > 1:
        raise ConversionError(
            f'{source} holds annotations as {" and as ".join(FORMATS[n].title for n in found)}: '
            f'say which, as in "usfm prepare {found[0]} {source} OUT"'
        )
    return found[0] if found else None


def annotated(
    name: str,
    source: Path,
    organ: str,
    classes: Sequence[str] = (),
    patients: str | None = None,
    told: Table | None = None,
) -> Converter:
    """A converter of a folder in one of the formats.

    Args:
        name: One of :data:`FORMATS`.
        source: The folder.
        organ: Of images of which the annotations tell none.
        classes: Names of the mask values 1, 2, …; empty for those of the annotations.
        patients: Regular expression on file names, or 'none', as for a folder of masks.
        told: Table of patients, classes and splits.

    Raises:
        ConversionError: The folder does not hold this format, or not in order.
    """
    kind = FORMATS[name]
    if not kind.is_it(source):
        raise ConversionError(f'{source} holds no {kind.title} that is known')
    check_pattern(patients)
    found = kind.read(source, classes)
    if told and told.tells('split') and any(item.split for item in found.items):
        raise ConversionError(
            f'{source} tells splits already: leave out the column split of {told.path}'
        )
    numbered = ', '.join(f'{i} {label}' for i, label in enumerate(found.seg_classes))
    return Converter(
        name=name,
        page=found.page,
        licence=found.licence,
        walk=lambda root: complete(found.items, root, organ, patients, told, found.patients),
        seg_classes=found.seg_classes,
        cls_classes=told.labels if told and told.labels else found.cls_classes,
        notes=(
            f'Read as {kind.title} (usfm prepare {name}); {numbered}.',
            *found.notes,
            *([told.note] if told else []),
        ),
    )
