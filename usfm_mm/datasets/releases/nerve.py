"""Ultrasound Nerve Segmentation (Kaggle): the brachial plexus in images of the neck."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from usfm_mm.datasets.releases.items import (
    Item,
    Release,
    ReleaseError,
    find_folder,
    has_folders,
    image_files,
    pair,
    safe_name,
)
from usfm_mm.datasets.releases.masks import binary_mask

_MASK = '_mask'


def walk(source: Path) -> Iterator[Item]:
    """Images of ``train``; ``test`` has no masks and is left out.

    ``12_34.tif`` is the 34th image of person 12, and ``12_34_mask.tif`` its mask.

    Raises:
        ReleaseError: The layout is another one, or an image or mask stands alone.
    """
    root = find_folder(source, has_folders('train'), 'a folder train')
    files = image_files(root / 'train')
    masks = [path for path in files if path.stem.endswith(_MASK)]
    images = [path for path in files if not path.stem.endswith(_MASK)]
    for image, own in pair(images, masks, mask_key=lambda path: path.stem.removesuffix(_MASK)):
        person = re.fullmatch(r'(\d+)_\d+', image.stem)
        if person is None:
            raise ReleaseError(f'{image} is not named like 12_34.tif (person, number): remove it')
        yield Item(
            image=image,
            name=safe_name(image.name),
            organ='nerve',
            masks=tuple(partial(binary_mask, path) for path in own),
            patient=person[1],
        )


NERVE = Release(
    name='nerve',
    page='https://www.kaggle.com/c/ultrasound-nerve-segmentation',
    licence='rules of the competition',
    walk=walk,
    seg_classes=('background', 'brachial plexus'),
    notes=(
        'The images are frames of videos, and similar ones differ in whether a nerve was marked; '
        'more than half of the masks are empty.',
    ),
)
