"""Options that are looked for: the points of a grid, the same number for each method."""

import itertools
import random
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Axis = Sequence[str] | Mapping[str, str]
"""Values of an option or of a key of the config; or by name, words for ``usfm train``."""
Grid = Mapping[str, Axis]
"""Axes by option (``--lr``), by key of the config, or by a name of one's own."""


@dataclass(frozen=True)
class Point:
    """A choice of each axis.

    Attributes:
        of: The method, or the pre-training, whose options these are.
        values: By axis, as the file tells them; an axis that is left out is as in the config.
        words: For ``usfm train``.
        authors: Whether these are the authors' values.
    """

    of: str
    values: Mapping[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    authors: bool = False

    @property
    def name(self) -> str:
        """Of its folders, such as ``'USFM,lr=1e-3'``."""
        told = [f'{short(axis)}={value}' for axis, value in self.values.items()]
        return re.sub(r'[^\w.,=+-]', '_', ','.join([self.of, *(told or ['config'])]))


@dataclass(frozen=True)
class Sweep:
    """What an experiment looks for.

    Attributes:
        points: By name of the method that a point became.
        measures: By task, the measure of the validation that counts.
        lower: Tasks whose measure is better the lower it is.
        pretraining: Whether the points are of pre-training.
    """

    points: Mapping[str, Point]
    measures: Mapping[str, str]
    lower: frozenset[str] = frozenset()
    pretraining: bool = False


def short(axis: str) -> str:
    """Name of an axis in tables.

    Example:
        >>> short('--lr'), short('optim_wrapper.paramwise_cfg.layer_decay_rate')
        ('lr', 'layer_decay_rate')
    """
    return axis.removeprefix('--').rpartition('.')[2]


def make_point(of: str, grid: Grid, values: Mapping[str, str], authors: bool = False) -> Point:
    """A point with its words.

    Example:
        >>> make_point('USFM', {'--lr': ['1e-3']}, {'--lr': '1e-3'}).words
        ('--lr', '1e-3')
        >>> make_point('USFM', {'a.b': ['1', '2']}, {'a.b': '2'}).words
        ('--cfg-options', 'a.b=2')
        >>> make_point('USFM', {'blur': {'none': 'a.prob=0'}}, {'blur': 'none'}).words
        ('--cfg-options', 'a.prob=0')
    """
    words: list[str] = []
    for axis, value in values.items():
        choices = grid[axis]
        if isinstance(choices, Mapping):
            own = shlex.split(choices[value])
            words += own if not own or own[0].startswith('--') else ['--cfg-options', *own]
        else:
            is_option = axis.startswith('--')
            words += [axis, value] if is_option else ['--cfg-options', f'{axis}={value}']
    return Point(of, dict(values), tuple(words), authors)


def points_of(
    of: str, grid: Grid, authors: Mapping[str, str] | None, budget: int | None, seed: int
) -> list[Point]:
    """Points of a grid: all, or as many as the budget allows, drawn without replacement.

    Args:
        of: The method.
        grid: Its axes.
        authors: The authors' values, the first point whatever the draw; None for none.
        budget: Number of points, the authors' included; None for the whole grid.
        seed: Of the draw, which depends on the method's name too.

    Raises:
        ValueError: The grid has fewer points than the budget.

    Example:
        >>> grid = {'--lr': ['1', '2', '3'], '--epochs': ['20', '40']}
        >>> [point.name for point in points_of('a', grid, {'--lr': '9'}, 3, seed=0)]
        ['a,lr=9', 'a,lr=2,epochs=40', 'a,lr=3,epochs=20']
    """
    found = [] if authors is None else [make_point(of, grid, authors, authors=True)]
    told = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    others = [make_point(of, grid, values) for values in told if values != authors]
    if budget is None:
        return found + others
    if budget > len(found) + len(others):
        raise ValueError(f'{of} has {len(found) + len(others)} points, fewer than budget: {budget}')
    return found + random.Random(f'{seed} {of}').sample(others, budget - len(found))
