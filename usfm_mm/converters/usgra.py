"""USGRA: regions of nerve blocks, with masks of two kinds of structure."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from usfm_mm.converters.items import Converter, Item, folder_with, image_files, safe_name
from usfm_mm.converters.masks import class_mask
from usfm_mm.converters.pairing import pair

CLASSES = ('background', 'structure 1', 'structure 2')


def walk(source: Path) -> Iterator[Item]:
    """Images and masks of the same name.

    Raises:
        ConversionError: The layout is another one, or an image or mask stands alone.
    """
    root = folder_with(source, 'images', 'masks')
    for image, own in pair(image_files(root / 'images'), image_files(root / 'masks')):
        yield Item(
            image=image,
            name=safe_name(image.name),
            organ='nerve',
            masks=tuple(partial(class_mask, path, num_classes=len(CLASSES)) for path in own),
        )


USGRA = Converter(
    name='usgra',
    page='not verified',
    licence='CC BY 4.0',
    walk=walk,
    seg_classes=CLASSES,
    notes=(
        'Which value is nerve and which vessel is not documented.',
        'Patients are not told: images of one patient may lie in two splits.',
    ),
)
