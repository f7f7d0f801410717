"""What nnU-Net's ``dataset.json`` says of labels: classes, regions, and what is ignored."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from usfm_mm.converters.annotations.files import field
from usfm_mm.converters.items import ConversionError

LEFT_OUT = 255
"""Value of pixels that training and metrics leave out."""
IGNORE = 'ignore'
"""nnU-Net's name of that label."""


def read_labels(
    about: Mapping[str, Any], file: Path, classes: Sequence[str]
) -> tuple[tuple[str, ...], dict[int, int], tuple[str, ...]]:
    """Names of the classes, what becomes of each value of the masks, and notes.

    The label ``ignore`` becomes 255. Of regions, which overlap, the value that
    ``regions_class_order`` gives each one is its class.

    Args:
        about: Content of ``dataset.json``.
        file: For messages.
        classes: Other names for 1, 2, …; empty for the file's own.

    Raises:
        ConversionError: Labels are missing, or are not numbered 0, 1, 2, ….
    """
    labels = dict(field(about, 'labels', dict, str(file)))
    notes: tuple[str, ...] = ()
    ignored = labels.pop(IGNORE, None)
    if any(isinstance(value, list) for value in labels.values()):
        labels = _regions(about, labels, file)
        notes = (
            'Its regions overlap; here each pixel has the class of its value: '
            + ', '.join(f'{value} {name}' for name, value in labels.items() if value)
            + '.',
        )
    if not all(type(value) is int for value in labels.values()):
        raise ConversionError(
            f'{file}: labels have to be NAME: NUMBER, as in version 2 of nnU-Net; of version 1, '
            'nnUNetv2_convert_MSD_dataset makes that'
        )
    names = {value: name for name, value in labels.items()}
    if sorted(names) != list(range(len(labels))) or len(names) < 2 or len(names) > LEFT_OUT:
        raise ConversionError(
            f'{file}: labels have to be numbered 0 (background), 1, 2, … without gaps, but are '
            f'{", ".join(f"{name} {value}" for name, value in labels.items())}'
        )
    if classes and len(classes) != len(names) - 1:
        raise ConversionError(
            f'{file} has {len(names) - 1} labels, but --classes names {len(classes)}'
        )
    values = {value: value for value in names}
    if ignored is not None:
        if type(ignored) is not int or ignored in names:
            raise ConversionError(f'{file}: the label {IGNORE} has to have a number of its own')
        values[ignored] = LEFT_OUT
        notes += (f'Pixels of the label "{IGNORE}" are left out ({LEFT_OUT}).',)
    own = tuple(names[value] for value in range(1, len(names)))
    return ('background', *(classes or own)), values, notes


def _regions(about: Mapping[str, Any], labels: dict[str, Any], file: Path) -> dict[str, Any]:
    order = field(about, 'regions_class_order', list, str(file))
    names = [name for name, value in labels.items() if value != 0]
    if len(order) != len(names):
        raise ConversionError(
            f'{file}: regions_class_order has {len(order)} values for {len(names)} regions'
        )
    return {'background': 0, **dict(zip(names, order, strict=True))}
