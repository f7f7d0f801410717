"""What of the items should be in proportion in all splits, and how their numbers spread."""

from collections.abc import Hashable, Sequence

import numpy as np

from usfm_mm.converters.items import ConversionError, Converter, Item
from usfm_mm.converters.writing import Written

_PARTS = 4


def make_strata(converter: Converter, written: Sequence[Written]) -> list[Hashable]:
    """Of each item what it is to be shared out by.

    That is the organ of a pair, the class, else the findings, else the quarter that the first
    number lies in, else whether there is anything in the mask.
    """
    items = [row.item for row in written]
    if converter.enhance:
        return [item.organ for item in items]
    if converter.cls_classes:
        return [item.label for item in items]
    if converter.label_names:
        return [item.told[: len(converter.label_names)] for item in items]
    if converter.value_names:
        first = np.array([item.told[0] for item in items])
        edges = np.quantile(first, np.arange(1, _PARTS) / _PARTS)
        return np.searchsorted(edges, first).tolist()
    return [str(row.has_foreground) for row in written]


def value_ranges(
    converter: Converter, items: Sequence[Item], train: np.ndarray
) -> dict[str, dict[str, float]]:
    """Mean and standard deviation of each number over the training set.

    Args:
        converter: For their names.
        items: All of them.
        train: Which of them are to train on, bool [N].

    Raises:
        ConversionError: A number is the same in all of them.
    """
    found = {}
    for column, name in enumerate(converter.value_names, start=len(converter.label_names)):
        values = np.array([item.told[column] for item in items])[train]
        if values.std() == 0:
            raise ConversionError(
                f'{name} is {values[0]:g} in all of the training set: leave it out'
            )
        found[name] = dict(mean=float(values.mean()), std=float(values.std()))
    return found
