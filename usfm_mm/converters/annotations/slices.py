"""Slices of volumes (NIfTI, MetaImage) with those of their masks."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from types import ModuleType

import numpy as np

from usfm_mm.converters.items import ConversionError, Item, SizeError, safe_name
from usfm_mm.database.types import Options, RejectedError
from usfm_mm.io.optional import optional_import

VOLUMES = ('.nii.gz', '.nii', '.mha', '.mhd', '.nrrd')
_READ = ('.nii.gz', '.nii', '.mha', '.mhd')
_ALIKE = 1e-3  # cosines of directions that are the same


def volume_stem(path: Path) -> str:
    """Name of a volume's file without its ending.

    Example:
        >>> volume_stem(Path('a/case.1.nii.gz'))
        'case.1'
    """
    ending = next((e for e in VOLUMES if path.name.lower().endswith(e)), path.suffix)
    return path.name[: len(path.name) - len(ending)]


def slice_items(
    image: Path, mask: Path, values: Mapping[int, int] | None, about: Item
) -> list[Item]:
    """One item per slice of a volume, named by its number where there are several.

    Args:
        image: The volume.
        mask: Of the same size, its slices those of the image.
        values: Of the mask's values those that are to be written; None where any but 0 is 1.
        about: What all slices share. Their patient is the volume where it has none.

    Raises:
        ConversionError: A file is damaged, or the mask is of another size or lies otherwise.
    """
    pixels, masks = _volume(image, True), _volume(mask, False)
    shapes = [array.shape[:3] for array in (pixels, masks)]
    if shapes[0] != shapes[1] or masks.ndim != 3:
        raise SizeError(
            f'{mask} has {_size(masks.shape)} voxels, its image {image} {_size(pixels.shape)}: a '
            'mask has the size of its image'
        )
    _check_direction(image, mask)
    digits = len(str(len(pixels) - 1))
    spacing = _reader().volume_spacing(image)
    return [
        replace(
            about,
            image=image,
            name=about.name if len(pixels) == 1 else f'{about.name}_{number:0{digits}d}',
            read=partial(_slice, image, number),
            masks=(partial(_mask, mask, number, values),),
            patient=about.patient or safe_name(volume_stem(image)),
            spacing=spacing,
        )
        for number in range(len(pixels))
    ]


def _size(shape: tuple[int, ...]) -> str:
    return '×'.join(map(str, (*shape[2:0:-1], *shape[:1], *shape[3:])))


def _slice(path: Path, number: int, bits: int | None) -> np.ndarray:
    pixels = _volume(path, True)[number]
    if pixels.ndim == 2:
        return pixels
    return np.rint(pixels @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)


def _mask(
    path: Path, number: int, values: Mapping[int, int] | None, shape: tuple[int, int]
) -> np.ndarray:
    return mapped(_volume(path, False)[number], values, f'{path}, slice {number}')


def mapped(found: np.ndarray, values: Mapping[int, int] | None, entry: str) -> np.ndarray:
    """Mask of the values that are to be written, uint8 of the same shape.

    Args:
        found: Mask as stored.
        values: What becomes of each value; None where any but 0 is 1.
        entry: For the message.

    Raises:
        ConversionError: It has a value that is not among them.

    Example:
        >>> mapped(np.array([0, 2, 4]), {0: 0, 2: 1, 4: 255}, 'a.nii')
        array([  0,   1, 255], dtype=uint8)
    """
    if values is None:
        return (found != 0).astype(np.uint8)
    mask = np.zeros(found.shape, np.uint8)
    for value in np.unique(found).tolist():
        if value not in values:
            raise ConversionError(
                f'{entry}: the value {value:g} is not one of the classes '
                f'({", ".join(map(str, sorted(values)))}): name all of them, or correct the mask'
            )
        mask[found == value] = values[value]
    return mask


def _check_direction(image: Path, mask: Path) -> None:
    one, other = _header(image), _header(mask)
    if len(one) == len(other) and not np.allclose(one, other, atol=_ALIKE):
        raise ConversionError(
            f'{mask} lies otherwise in space than its image {image} (other directions of its '
            'axes): resample the mask to its image'
        )


def stored_slices(path: Path) -> np.ndarray:
    """Slices of a mask as they are stored, [N, H, W].

    Raises:
        ConversionError: It cannot be read.
    """
    return _volume(path, False)


@lru_cache(maxsize=4)  # slices are asked for one by one, image and mask in turn
def _volume(path: Path, to_8_bits: bool) -> np.ndarray:
    """Slices [N, H, W], or [N, H, W, 3] in colour."""
    reader = _reader()
    try:
        slices = reader.slices_of(reader.read_volume(path, Options.max_pixels))
    except RejectedError as error:
        raise ConversionError(f'{path} is not read: {error}') from error
    if to_8_bits and slices.dtype != np.uint8:
        slices = reader.to_8_bits(slices, *reader.sample_range(slices))
    return slices


@lru_cache(maxsize=4)
def _header(path: Path) -> tuple[float, ...]:
    reader = _reader()
    return reader.read_volume(path, Options.max_pixels).GetDirection()


def _reader() -> ModuleType:
    optional_import('SimpleITK', 'reading volumes', 'usfm-mm[data]')
    from usfm_mm.database.readers import volume

    return volume


def check_read(path: Path) -> None:
    """Refuse a format of volumes that is not read.

    Raises:
        ConversionError: It is not.
    """
    if not path.name.lower().endswith(_READ):
        raise ConversionError(
            f'{path}: this format is not read, but {", ".join(_READ)} are: save it so'
        )
