"""HC18: fetal heads, with the outline of the skull."""

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
from usfm_mm.datasets.releases.masks import outline_mask

_ANNOTATION = '_Annotation'


def walk(source: Path) -> Iterator[Item]:
    """Images of ``training_set``; ``test_set`` has no outlines and is left out.

    ``012_HC.png`` and ``012_2HC.png`` are of one patient, 012.

    Raises:
        ReleaseError: The layout is another one, or an image or outline stands alone.
    """
    root = find_folder(source, has_folders('training_set'), 'a folder training_set')
    files = image_files(root / 'training_set')
    outlines = [path for path in files if path.stem.endswith(_ANNOTATION)]
    images = [path for path in files if path not in outlines]
    for image, own in pair(images, outlines, mask_key=lambda p: p.stem.removesuffix(_ANNOTATION)):
        patient = re.match(r'(\d+)_\d*HC$', image.stem)
        if patient is None:
            raise ReleaseError(f'{image} is not named like 012_HC.png or 012_2HC.png: remove it')
        yield Item(
            image=image,
            name=safe_name(image.name),
            organ='fetal head',
            masks=tuple(partial(outline_mask, path) for path in own),
            patient=patient[1],
        )


HC18 = Release(
    name='hc18',
    page='https://hc18.grand-challenge.org',
    licence='not verified',
    walk=walk,
    seg_classes=('background', 'head'),
)
