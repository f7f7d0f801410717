"""Images in rows, with captions and the outlines of their masks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from usfm_mm.visualization.figures import DPI, class_colours

TRUTH_COLOUR, PREDICTION_COLOUR = '#ffe100', '#1fd655'
"""Yellow and green, as in the paper's Fig. 8."""

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

    figure = Figure(figsize=(width, height), dpi=DPI)
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
