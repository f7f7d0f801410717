"""TN3K: thyroid nodules."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from usfm_mm.converters.items import ConversionError, Converter, Item, folder_with, image_files
from usfm_mm.converters.masks import binary_mask
from usfm_mm.converters.pairing import pair

_FOLD = 'tn3k-trainval-fold0.json'


def walk(source: Path) -> Iterator[Item]:
    """Images of ``trainval-image`` and ``test-image``, with the masks of the same name.

    The numbers in the release's first fold tell train from val; without this file, val is drawn
    from trainval.

    Raises:
        ConversionError: The layout is another one, an image or mask stands alone, or the fold is
            damaged or does not tell of an image.
    """
    folders = tuple(f'{part}-{kind}' for part in ('trainval', 'test') for kind in ('image', 'mask'))
    root = folder_with(source, *folders)
    fold = _read_fold(root / _FOLD)
    for part in ('trainval', 'test'):
        images, masks = (image_files(root / f'{part}-{kind}') for kind in ('image', 'mask'))
        for image, own in pair(images, masks):
            split = 'test' if part == 'test' else 'train'
            if part == 'trainval' and fold is not None:
                if image.stem.lstrip('0') not in fold:
                    raise ConversionError(f'{root / _FOLD} does not tell the split of {image}')
                split = fold[image.stem.lstrip('0')]
            yield Item(
                image=image,
                name=f'{part}_{image.stem}',
                organ='thyroid',
                masks=tuple(partial(binary_mask, path) for path in own),
                split=split,
            )


def _read_fold(path: Path) -> dict[str, str] | None:
    """Split of each number, written without leading zeros."""
    if not path.is_file():
        return None
    try:
        fold = json.loads(path.read_text())
        return {str(n).lstrip('0'): split for split in ('train', 'val') for n in fold[split]}
    except (ValueError, KeyError, TypeError) as error:
        raise ConversionError(
            f'{path} does not list numbers under "train" and "val": download it again, or remove '
            'it to have val drawn'
        ) from error


TN3K = Converter(
    name='tn3k',
    page='https://github.com/haifangong/TRFE-Net-for-thyroid-nodule-segmentation',
    licence='not verified',
    walk=walk,
    seg_classes=('background', 'nodule'),
    notes=('Patients are not told in the file names.',),
)
