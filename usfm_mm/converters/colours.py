"""Masks whose classes are colours: RGB, RGBA or a palette."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from usfm_mm.converters.items import ConversionError
from usfm_mm.converters.masks import open_mask
from usfm_mm.io.image_file import BadImageError, image_size

_MOST = 32  # a smoothed mask or a JPEG has hundreds


def colours_of(groups: Iterable[Sequence[Path]], num_classes: int) -> tuple[str, ...]:
    """Colours of the classes of all masks, as '#rrggbb', in their order as numbers.

    Black, transparent and a palette's entry 0 are the background. With names given, a palette's
    entries are the classes, and with one name all colours are that.

    Args:
        groups: Masks.
        num_classes: Names that are given.

    Returns:
        Two colours or more; empty where the masks are not of this kind.

    Raises:
        ConversionError: A mask has too many colours.
    """
    found: set[int] = set()
    for path in (path for masks in groups if num_classes != 1 for path in masks):
        try:
            width, height = image_size(path)
            with open_mask(path, (height, width)) as image:
                if image.mode not in (('RGB', 'RGBA') if num_classes else ('RGB', 'RGBA', 'P')):
                    continue
                codes = _codes(image)
        except (BadImageError, ConversionError):
            continue  # named when it is converted
        own = set(np.unique(codes).tolist()) - {0}
        if any(not _is_grey(code) for code in own):
            if len(own) > _MOST:
                raise ConversionError(
                    f'{path} has {len(own)} colours: masks have one for each class; save it again '
                    'without smoothing or JPEG'
                )
            found |= own
    return tuple(f'#{code:06x}' for code in sorted(found)) if len(found) > 1 else ()


def check_names(colours: Sequence[str], classes: Sequence[str], source: Path) -> None:
    """Refuse names of which there are more or fewer than colours.

    Raises:
        ConversionError: There are.
    """
    if colours and classes and len(colours) != len(classes):
        raise ConversionError(
            f'the masks of {source} have the colours {", ".join(colours)}, but --classes has '
            f'{len(classes)} names: name each, in this order'
        )


def colours_note(colours: Sequence[str], classes: Sequence[str]) -> str:
    """A sentence on which colour is which class.

    Example:
        >>> colours_note(['#00ff00', '#ff0000'], ['liver', 'cyst'])
        'Colours of the masks: #00ff00 is 1 liver, #ff0000 is 2 cyst.'
    """
    if not colours:
        return ''
    names = [f'{i + 1} {name}' for i, name in enumerate(classes or colours)]
    told = ', '.join(f'{c} is {name}' for c, name in zip(colours, names, strict=True))
    return f'Colours of the masks: {told}.'


def colour_mask(path: Path, shape: tuple[int, int], colours: Sequence[str]) -> np.ndarray:
    """Read a mask whose colours are classes.

    Args:
        path: Image file.
        shape: The image's height and width.
        colours: Of the classes 1, 2, …, as '#rrggbb'.

    Returns:
        uint8 [H, W].

    Raises:
        ConversionError: It cannot be read, has another size or another colour.
    """
    with open_mask(path, shape) as image:
        codes = _codes(image)
    mask = np.zeros(shape, np.uint8)
    for code in np.unique(codes).tolist():
        if code and f'#{code:06x}' not in colours:
            raise ConversionError(
                f'{path} has the colour #{code:06x}, which is not one of {", ".join(colours)}'
            )
        if code:
            mask[codes == code] = colours.index(f'#{code:06x}') + 1
    return mask


def _codes(image: Image.Image) -> np.ndarray:
    """Colour of each pixel as one number, 0xrrggbb; 0 is the background."""
    red, green, blue, alpha = np.moveaxis(np.asarray(image.convert('RGBA')).astype(np.int64), -1, 0)
    codes = (red << 16) + (green << 8) + blue
    codes[alpha < 128] = 0
    if image.mode == 'P':
        codes[np.asarray(image) == 0] = 0
    return codes


def _is_grey(code: int) -> bool:
    return (code >> 16) == (code >> 8 & 255) == (code & 255)
