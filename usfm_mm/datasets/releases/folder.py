"""One's own images: with masks beside them, in the folders of their classes, or in pairs."""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from usfm_mm.datasets.releases.items import (
    Item,
    Release,
    ReleaseError,
    image_files,
    pair,
    safe_name,
)
from usfm_mm.datasets.releases.masks import binary_mask, class_mask
from usfm_mm.datasets.releases.pairs import (
    has_organ_folders,
    is_pair_folder,
    organ_pairs,
    quality_pairs,
)


def own_data(
    source: Path, organ: str, classes: Sequence[str] = (), patients: str | None = None
) -> Release:
    """A release of ``images/`` and ``masks/``, of pairs, or of one folder for each class.

    Pairs lie in ``low_quality/`` and ``high_quality/`` under the same names; these two folders may
    lie in folders that are named by organ.

    Args:
        source: The folder.
        organ: Of all images.
        classes: Names of the mask values 1, 2, …; without them, masks are 0/1 or 0/255.
        patients: Regular expression, whose first group in an image's file name is the patient.

    Raises:
        ReleaseError: The folder is laid out in none of these ways, a class folder has no image, or
            the regular expression does not fit.
    """
    if (source / 'images').is_dir() and (source / 'masks').is_dir():
        return Release(
            name='folder',
            page='',
            licence='',
            walk=lambda root: _pairs(root, organ, len(classes), patients),
            seg_classes=('background', *(classes or ('foreground',))),
        )
    if is_pair_folder(source):
        return Release(
            name='folder',
            page='',
            licence='',
            walk=lambda root: _qualities(root, organ, patients),
            enhance=True,
        )
    if has_organ_folders(source):
        return Release(name='folder', page='', licence='', walk=organ_pairs, enhance=True)
    labels = sorted(path.name for path in source.iterdir() if path.is_dir())
    if len(labels) < 2:
        raise ReleaseError(
            f'{source} is not laid out as expected: images/ and masks/ with the same names, '
            'low_quality/ and high_quality/ with the same names, or two or more folders, one for '
            'each class'
        )
    for label in labels:
        if not image_files(source / label):
            raise ReleaseError(f'{source / label} has no image: fill or delete this class')
    return Release(
        name='folder',
        page='',
        licence='',
        walk=lambda root: _labelled(root, labels, organ, patients),
        cls_classes=tuple(labels),
    )


def _pairs(root: Path, organ: str, num_classes: int, patients: str | None) -> Iterator[Item]:
    for image, own in pair(image_files(root / 'images'), image_files(root / 'masks')):
        readers = (
            partial(class_mask, path, num_classes=num_classes + 1)
            if num_classes
            else partial(binary_mask, path)
            for path in own
        )
        yield Item(
            image=image,
            name=safe_name(image.name),
            organ=organ,
            masks=tuple(readers),
            patient=_patient(image, patients),
        )


def _qualities(root: Path, organ: str, patients: str | None) -> Iterator[Item]:
    for low, high in quality_pairs(root):
        yield Item(
            image=low,
            high=high,
            name=safe_name(low.name),
            organ=organ,
            patient=_patient(low, patients),
        )


def _labelled(
    root: Path, labels: Sequence[str], organ: str, patients: str | None
) -> Iterator[Item]:
    for label in labels:
        for image in image_files(root / label):
            yield Item(
                image=image,
                name=safe_name(f'{label}_{image.name}'),
                organ=organ,
                label=label,
                patient=_patient(image, patients),
            )


def _patient(image: Path, patients: str | None) -> str | None:
    if patients is None:
        return None
    found = re.search(patients, image.name)
    if found is None or not found.groups():
        raise ReleaseError(f'--patients {patients!r} finds no group in the name of {image}')
    return found[1]
