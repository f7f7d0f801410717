"""Images and their masks, by names."""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from usfm_mm.converters.items import ConversionError, image_files, nfc


def pair(
    images: Iterable[Path],
    masks: Iterable[Path],
    image_key: Callable[[Path], str] = lambda path: path.stem,
    mask_key: Callable[[Path], str] = lambda path: path.stem,
) -> Iterator[tuple[Path, list[Path]]]:
    """Images with their masks, by a key made of the file name and composed (:func:`nfc`).

    Raises:
        ConversionError: An image has no mask, a mask has no image, or two images have one key.
    """
    by_key: dict[str, list[Path]] = {}
    for mask in masks:
        by_key.setdefault(nfc(mask_key(mask)), []).append(mask)
    seen: dict[str, Path] = {}
    for image in images:
        key = nfc(image_key(image))
        if key in seen:
            raise ConversionError(
                f'{image} and {seen[key]} belong to the same mask: rename or remove one'
            )
        seen[key] = image
        if key not in by_key:
            raise ConversionError(
                f'{image} has no mask: add it (an empty one where there is nothing to see), or '
                'remove the image'
            )
        yield image, sorted(by_key[key])
    for key, paths in by_key.items():
        if key not in seen:
            raise ConversionError(f'{paths[0]} is the mask of no image: add the image or remove it')


def pair_beside(folder: Path, ending: str) -> Iterator[tuple[Path, list[Path]]]:
    """Images with the masks that lie beside them and are named like them, with an ending.

    Args:
        folder: Holds both.
        ending: Regular expression for what a mask's stem has after its image's.

    Raises:
        ConversionError: As :func:`pair`.
    """
    files = image_files(folder)
    masks = [path for path in files if re.search(f'{ending}$', path.stem)]
    images = sorted(set(files).difference(masks))
    yield from pair(images, masks, mask_key=lambda path: re.sub(f'{ending}$', '', path.stem))
