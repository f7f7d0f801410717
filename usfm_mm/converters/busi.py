"""BUSI: breast ultrasound images, with tumour masks and classes."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from usfm_mm.converters.items import Converter, Item, folder_with, safe_name
from usfm_mm.converters.masks import binary_mask
from usfm_mm.converters.pairing import pair_beside

CLASSES = ('benign', 'malignant', 'normal')


def walk(source: Path) -> Iterator[Item]:
    """Images of the three class folders; ``_mask.png``, ``_mask_1.png`` … of one image are joined.

    Raises:
        ConversionError: The layout is another one, or an image or mask stands alone.
    """
    root = folder_with(source, *CLASSES)
    for label in CLASSES:
        for image, own in pair_beside(root / label, r'_mask(_\d+)?'):
            yield Item(
                image=image,
                name=safe_name(image.name),
                organ='breast',
                masks=tuple(partial(binary_mask, path) for path in own),
                label=label,
            )


BUSI = Converter(
    name='busi',
    page='https://scholar.cu.edu.eg/?q=afahmy/pages/dataset',
    licence='not verified',
    walk=walk,
    seg_classes=('background', 'tumor'),
    cls_classes=CLASSES,
    notes=(
        'Patients are not told: images of one patient may lie in two splits, and some are one '
        'picture cut differently, for instance benign (10) and benign (327).',
    ),
)
