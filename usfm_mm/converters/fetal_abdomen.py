"""Fetal Abdominal Structures: artery, liver, stomach and vein."""

import pickle
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from usfm_mm.converters.items import (
    ConversionError,
    Converter,
    Item,
    folder_with,
    image_files,
    patient_of,
    safe_name,
)
from usfm_mm.converters.masks import check_size
from usfm_mm.converters.pairing import pair

CLASSES = ('background', 'artery', 'liver', 'stomach', 'vein')
# The vessels last: where outlines overlap, what lies in the liver stays visible.
_PAINTED = ('liver', 'stomach', 'vein', 'artery')


def walk(source: Path) -> Iterator[Item]:
    """``IMAGES/P01_IMG1.png`` with ``ARRAY_FORMAT/P01_IMG1.npy``; P01 is the patient.

    Raises:
        ConversionError: The layout is another one, or an image or array stands alone.
    """
    root = folder_with(source, 'IMAGES', 'ARRAY_FORMAT')
    arrays = image_files(root / 'ARRAY_FORMAT', ('.npy',))
    for image, own in pair(image_files(root / 'IMAGES'), arrays):
        yield Item(
            image=image,
            name=safe_name(image.name),
            organ='fetal abdomen',
            masks=tuple(partial(structures_mask, path) for path in own),
            patient=patient_of(image, r'(P\d+)_IMG\d+', 'P01_IMG1.png'),
        )


def structures_mask(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """Class map of the structures in an array file, the vessels painted over the organs.

    The file is a pickle in NumPy's wrapping, ``{'image': …, 'structures': {'liver': [H, W], …}}``
    with masks of 0 and 1, and a pickle can run programs: only what plain arrays need is loaded.

    Args:
        path: ``.npy`` file.
        shape: The image's height and width.

    Returns:
        uint8 [H, W] in 0..4, see :data:`CLASSES`.

    Raises:
        ConversionError: It is damaged, holds anything else than arrays, another structure, or a
            mask of another size or with other values.
    """
    structures = _load(path)
    unknown = set(structures) - set(CLASSES[1:])
    if unknown:
        raise ConversionError(
            f'{path}: structure {min(map(str, unknown))!r} is unknown; known are '
            f'{", ".join(CLASSES[1:])}'
        )
    classes = np.zeros(shape, np.uint8)
    for name in _PAINTED:
        if name not in structures:
            continue
        mask = np.asarray(structures[name])
        if mask.ndim != 2 or not np.isin(mask, (0, 1)).all():
            raise ConversionError(f'{path}: {name} is not a mask [H, W] of 0 and 1')
        check_size(path, mask.shape, shape)
        classes[mask > 0] = CLASSES.index(name)
    return classes


class _ArraysOnly(pickle.Unpickler):
    """Refuses every name but those that NumPy's arrays and numbers are pickled with."""

    # Not by module: NumPy 2 moved them.
    _known: ClassVar = {
        'ndarray': np.ndarray,
        'dtype': np.dtype,
        '_reconstruct': np.empty(0).__reduce__()[0],
        'scalar': np.float64(0).__reduce__()[0],
    }

    def find_class(self, module: str, name: str) -> Any:
        if module.split('.')[0] != 'numpy' or name not in self._known:
            raise pickle.UnpicklingError(f'it asks for {module}.{name}')
        return self._known[name]


def _load(path: Path) -> dict[str, Any]:
    try:
        with open(path, 'rb') as file:
            np.lib.format.read_magic(file)
            np.lib.format.read_array_header_1_0(file)
            return _ArraysOnly(file).load().item()['structures']
    except Exception as error:  # a damaged pickle raises whatever it stumbles over
        raise ConversionError(
            f'{path} is not an array file of this release ({error}): download it again'
        ) from error


FETAL_ABDOMEN = Converter(
    name='fetal_abdomen',
    page='https://data.mendeley.com/datasets/4gcpm9dsc3/1',
    licence='not verified',
    walk=walk,
    seg_classes=CLASSES,
)
