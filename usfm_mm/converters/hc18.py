"""HC18: fetal heads, with the outline of the skull."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from usfm_mm.converters.items import Converter, Item, folder_with, patient_of, safe_name
from usfm_mm.converters.masks import outline_mask
from usfm_mm.converters.pairing import pair_beside


def walk(source: Path) -> Iterator[Item]:
    """Images of ``training_set``; ``test_set`` has no outlines and is left out.

    ``012_HC.png`` and ``012_2HC.png`` are of one patient, 012.

    Raises:
        ConversionError: The layout is another one, or an image or outline stands alone.
    """
    root = folder_with(source, 'training_set')
    for image, own in pair_beside(root / 'training_set', '_Annotation'):
        yield Item(
            image=image,
            name=safe_name(image.name),
            organ='fetal head',
            masks=tuple(partial(outline_mask, path) for path in own),
            patient=patient_of(image, r'(\d+)_\d*HC', '012_HC.png or 012_2HC.png'),
        )


HC18 = Converter(
    name='hc18',
    page='https://hc18.grand-challenge.org',
    licence='CC BY 4.0',
    walk=walk,
    seg_classes=('background', 'head'),
)
