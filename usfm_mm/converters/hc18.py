"""HC18: fetal heads, with the outline of the skull."""

import csv
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from usfm_mm.converters.items import (
    ConversionError,
    Converter,
    Item,
    folder_with,
    patient_of,
    safe_name,
)
from usfm_mm.converters.masks import outline_mask
from usfm_mm.converters.pairing import pair_beside


def walk(source: Path) -> Iterator[Item]:
    """Images of ``training_set``; ``test_set`` has no outlines and is left out.

    ``012_HC.png`` and ``012_2HC.png`` are of one patient, 012. The size of pixels is that of
    ``training_set_pixel_size_and_HC.csv``, where it is there.

    Raises:
        ConversionError: The layout is another one, an image or outline stands alone, or the table
            cannot be read.
    """
    root = folder_with(source, 'training_set')
    pixels = _pixel_sizes(root / 'training_set_pixel_size_and_HC.csv')
    for image, own in pair_beside(root / 'training_set', '_Annotation'):
        yield Item(
            image=image,
            name=safe_name(image.name),
            organ='fetal head',
            masks=tuple(partial(outline_mask, path) for path in own),
            patient=patient_of(image, r'(\d+)_\d*HC', '012_HC.png or 012_2HC.png'),
            spacing=pixels.get(image.name),
        )


def _pixel_sizes(table: Path) -> dict[str, tuple[float, float]]:
    if not table.is_file():
        return {}
    try:
        with table.open(encoding='utf-8-sig', newline='') as file:
            sizes = {row['filename']: float(row['pixel size(mm)']) for row in csv.DictReader(file)}
    except (ValueError, KeyError, TypeError) as error:
        raise ConversionError(
            f'{table} is not as released, with filename and pixel size(mm) ({error!r}): download '
            'it again, or remove it'
        ) from error
    return {name: (size, size) for name, size in sizes.items() if size > 0}


HC18 = Converter(
    name='hc18',
    page='https://hc18.grand-challenge.org',
    licence='CC BY 4.0',
    walk=walk,
    seg_classes=('background', 'head'),
)
