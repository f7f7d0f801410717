"""Ultrasound Nerve Segmentation (Kaggle): the brachial plexus in images of the neck."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from usfm_mm.converters.items import Converter, Item, folder_with, patient_of, safe_name
from usfm_mm.converters.masks import binary_mask
from usfm_mm.converters.pairing import pair_beside


def walk(source: Path) -> Iterator[Item]:
    """Images of ``train``; ``test`` has no masks and is left out.

    ``12_34.tif`` is the 34th image of person 12, and ``12_34_mask.tif`` its mask.

    Raises:
        ConversionError: The layout is another one, or an image or mask stands alone.
    """
    root = folder_with(source, 'train')
    for image, own in pair_beside(root / 'train', '_mask'):
        yield Item(
            image=image,
            name=safe_name(image.name),
            organ='nerve',
            masks=tuple(partial(binary_mask, path) for path in own),
            patient=patient_of(image, r'(\d+)_\d+', '12_34.tif'),
        )


NERVE = Converter(
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
