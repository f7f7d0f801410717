"""Figures of results as plain functions: arrays in, a matplotlib figure out.

As in :mod:`usfm_mm.visualization.panels`, which also writes them to files, pyplot is never touched.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

TRUTH_COLOUR, PREDICTION_COLOUR = '#ffe100', '#1fd655'
"""Yellow and green, as in the paper's Fig. 8."""

_DPI = 100
_TILE_INCHES = 1.7
_CAPTION_INCHES = 0.12  # of each line
_COLUMNS = 6


@dataclass
class Tile:
    """An image with what is written above it and drawn onto it.

    Attributes:
        image: ``[H, W]`` uint8.
        caption: A few short lines.
        truth: ``[H, W]`` class numbers, 0 background; None for none.
        prediction: Likewise.
    """

    image: np.ndarray
    caption: str
    truth: np.ndarray | None = None
    prediction: np.ndarray | None = None


def tile_panel(
    groups: Mapping[str, Sequence[Tile]], classes: Sequence[str] = (), title: str = ''
) -> Figure:
    """Draw images in groups, six in a row, with the outlines of their masks.

    With one foreground class the truth is yellow and the prediction green (Fig. 8). With several,
    each class has a colour, and the prediction is the dashed line.

    Args:
        groups: Tiles under each heading; a group begins a new row. An empty heading takes no room.
        classes: Names of the classes, background first; empty where there are no masks.
        title: A line above the panel.

    Returns:
        The figure.

    Raises:
        ValueError: If there is no tile, or a mask is not of its image's size.
    """
    groups = {heading: list(tiles) for heading, tiles in groups.items() if len(tiles)}
    if not groups:
        raise ValueError('there is no image to draw')
    for tile in (tile for tiles in groups.values() for tile in tiles):
        for mask in (tile.truth, tile.prediction):
            if mask is not None and mask.shape != tile.image.shape:
                raise ValueError(
                    f'{tile.caption!r}: the mask is {mask.shape}, the image {tile.image.shape}'
                )
    columns = min(_COLUMNS, max(len(tiles) for tiles in groups.values()))
    line, legend = 0.26, _legend_entries(classes, groups)
    legend_rows = -(-len(legend) // columns)
    width = max(_TILE_INCHES * columns, 3.2) + 0.1
    captions = [tile.caption for tiles in groups.values() for tile in tiles]
    above = 0.05 + _CAPTION_INCHES * (1 + max(caption.count('\n') for caption in captions))
    height = 0.05 + line * (bool(title) + legend_rows)
    for heading, tiles in groups.items():
        rows = -(-len(tiles) // columns)
        height += line * bool(heading) + rows * (_TILE_INCHES + above)

    figure = Figure(figsize=(width, height), dpi=_DPI)
    top = height
    if title:
        top -= line
        figure.text(0.5, (top + 0.06) / height, title, ha='center', fontsize=10)
    for heading, tiles in groups.items():
        if heading:
            top -= line
            figure.text(0.05 / width, (top + 0.06) / height, heading, weight='bold', fontsize=9)
        for first in range(0, len(tiles), columns):
            top -= above + _TILE_INCHES
            for column, tile in enumerate(tiles[first : first + columns]):
                left = 0.05 + _TILE_INCHES * column
                size = _TILE_INCHES - 0.06
                axes = figure.add_axes(
                    ((left + 0.03) / width, top / height, size / width, size / height)
                )
                # Where the image is flat, its caption stays close to it.
                axes.set_anchor('N')
                _draw_tile(axes, tile, len(classes))
    if legend:
        figure.legend(
            handles=legend,
            loc='lower center',
            ncols=columns,
            frameon=False,
            fontsize=8,
            borderaxespad=0.1,
            handlelength=2.2,
        )
    return figure


def confusion_panel(confusion: np.ndarray, classes: Sequence[str], title: str = '') -> Figure:
    """Draw a confusion matrix: counts, and their share of the row in colour and in %.

    Args:
        confusion: ``[K, K]`` counts, rows truth, columns prediction. A class without images has an
            empty row.
        classes: K names.
        title: A line above the matrix.

    Returns:
        The figure.

    Raises:
        ValueError: If the shape isn't ``[K, K]`` for K names.
    """
    confusion, count = np.asarray(confusion), len(classes)
    if confusion.shape != (count, count) or not count:
        raise ValueError(f'confusion must be [K, K] for K names, got {confusion.shape} and {count}')
    totals = confusion.sum(1, keepdims=True)
    shares = np.divide(confusion, totals, out=np.zeros(confusion.shape), where=totals > 0)
    side = 1.6 + max(2.0, 0.62 * count)
    figure = Figure(figsize=(side + 0.4, side), dpi=_DPI, layout='constrained')
    axes = figure.add_subplot()
    picture = axes.imshow(100 * shares, cmap='Blues', vmin=0, vmax=100)
    for i, j in np.ndindex(count, count):
        if totals[i] == 0:
            continue
        number, share = confusion[i, j], shares[i, j]
        axes.text(
            j,
            i,
            f'{number}\n{100 * share:.0f} %' if number else '0',
            ha='center',
            va='center',
            fontsize=8,
            color='white' if share > 0.55 else 'black' if number else '#999999',
        )
    axes.set(
        xticks=range(count),
        yticks=range(count),
        xticklabels=classes,
        yticklabels=[f'{name} ({n})' for name, n in zip(classes, totals[:, 0], strict=True)],
        xlabel='prediction',
        ylabel='truth',
    )
    axes.tick_params(labelsize=8, length=0)
    axes.tick_params(axis='x', labelrotation=0 if count <= 3 else 45)
    if count > 3:
        for label in axes.get_xticklabels():
            label.set(ha='right', rotation_mode='anchor')
    bar = figure.colorbar(picture, ax=axes, shrink=0.8, label='% of the row')
    bar.ax.tick_params(labelsize=8)
    if title:
        axes.set_title(title, fontsize=10)
    return figure


def class_colours(count: int) -> list[str]:
    """Colours of foreground classes, bright on grey images and evenly spread over a palette.

    Args:
        count: How many.

    Returns:
        Colours as ``#rrggbb``.
    """
    middles = (np.arange(count) + 0.5) / count  # turbo's ends are dark
    return [to_hex(colour) for colour in matplotlib.colormaps['turbo'](middles)]


def _draw_tile(axes: Axes, tile: Tile, num_classes: int) -> None:
    axes.imshow(tile.image, cmap='gray', vmin=0, vmax=255, interpolation='antialiased')
    axes.set_axis_off()
    axes.set_title(tile.caption, fontsize=7, pad=2, linespacing=1.1)
    limits = axes.get_xlim(), axes.get_ylim()
    several = num_classes > 2
    colours = class_colours(num_classes - 1) if several else []
    for label in range(1, num_classes):
        for mask, colour, dashes in (
            (tile.truth, TRUTH_COLOUR, 'solid'),
            (tile.prediction, PREDICTION_COLOUR, (0, (2, 1.5)) if several else 'solid'),
        ):
            if mask is not None:
                _outline(axes, mask == label, colours[label - 1] if several else colour, dashes)
    axes.set(xlim=limits[0], ylim=limits[1])


def _outline(axes: Axes, inside: np.ndarray, colour: Any, dashes: Any) -> None:
    if not inside.any():
        return
    # A frame of background closes the outlines of what touches the border.
    framed = np.pad(inside, 1).astype(np.float32)
    height, width = inside.shape
    contour = axes.contour(
        np.arange(-1, width + 1),
        np.arange(-1, height + 1),
        framed,
        levels=[0.5],
        colors=[colour],
        linewidths=1.0,
        linestyles=[dashes],
    )
    contour.set_clip_on(False)  # at the border half of the line lies outside


def _legend_entries(classes: Sequence[str], groups: Mapping[str, Sequence[Tile]]) -> list[Line2D]:
    """Lines for what is drawn; with several classes, both kinds are told apart only if both are."""
    tiles = [tile for own in groups.values() for tile in own]
    drawn = [
        name
        for name in ('truth', 'prediction')
        if any(getattr(tile, name) is not None for tile in tiles)
    ]
    if len(classes) < 2 or not drawn:
        return []
    if len(classes) == 2:
        colours = dict(truth=TRUTH_COLOUR, prediction=PREDICTION_COLOUR)
        return [Line2D([], [], color=colours[name], label=name) for name in drawn]
    entries = [
        Line2D([], [], color=colour, label=name)
        for name, colour in zip(classes[1:], class_colours(len(classes) - 1), strict=True)
    ]
    if len(drawn) == 2:
        entries += [
            Line2D([], [], color='black', label='truth'),
            Line2D([], [], color='black', linestyle=(0, (2, 1.5)), label='prediction'),
        ]
    return entries
