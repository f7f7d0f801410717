"""What all figures share: rendering and writing them.

Figures are drawn on the Agg canvas and never touch pyplot: they need no display, leave no global
state behind and may be made from any thread of a run.
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image  # comes with matplotlib

from usfm_mm.io.atomic import write_atomic

DPI = 100
_COLUMNS = 3  # of panels
# Twelve organs (3M-US) must stay distinguishable, also for the colour-blind and in print: ten
# colours, and the marker changes when they come round again.
COLOURS = [
    '#4477aa',
    '#ee6677',
    '#228833',
    '#ccbb44',
    '#66ccee',
    '#aa3377',
    '#ee7733',
    '#009988',
    '#882255',
    '#777777',
]


def method_panels(
    panels: Mapping[str, Mapping[str, Any]], height: float
) -> tuple[Figure, dict[str, Axes], dict[str, str]]:
    """An empty panel for each data set, three in a row, and a colour for each method.

    Args:
        panels: By the panel's title, what is drawn by method.
        height: Of a row, in inches.

    Returns:
        The figure, its axes by title, and colours by method.

    Example:
        >>> figure, axes, colours = method_panels({'BUSI': {'USFM': 1}}, height=3)
        >>> list(axes), colours
        (['BUSI'], {'USFM': '#4477aa'})
    """
    columns = min(len(panels), _COLUMNS)
    lines = -(-len(panels) // columns)
    figure = Figure(figsize=(3.4 * columns, height * lines), dpi=DPI, layout='constrained')
    axes = {}
    for number, title in enumerate(panels, 1):
        axes[title] = figure.add_subplot(lines, columns, number)
        axes[title].set_title(title, fontsize=9)
    methods = dict.fromkeys(method for own in panels.values() for method in own)
    return figure, axes, {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(methods)}


def figure_to_array(figure: Figure) -> np.ndarray:
    """Render a figure.

    Returns:
        ``[H, W, 3]`` uint8 RGB, as mmengine's visualizer backends take it.

    Example:
        >>> figure_to_array(Figure(figsize=(2, 1), dpi=100)).shape
        (100, 200, 3)
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write a figure as a PNG with a palette, whole or not at all; missing folders are made.

    64 even greys keep a panel of speckle a few times smaller, and bright echoes, which are few,
    as bright as they are; figures in colour get 256 colours, so that neighbouring ones of a legend
    stay apart.

    Returns:
        The path written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = figure_to_array(figure)
    if (pixels == pixels[..., :1]).all():
        levels = (pixels[..., 0].astype(np.uint16) * 63 + 127) // 255
        image = Image.fromarray(levels.astype(np.uint8)).convert('P')
        image.putpalette(np.repeat(np.linspace(0, 255, 64).round().astype(np.uint8), 3).tobytes())
    else:
        image = Image.fromarray(pixels).quantize(256, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    image.save(buffer, 'PNG', optimize=True)
    write_atomic(path, buffer.getvalue())
    return path


def save_svg(figure: Figure, path: str | Path) -> Path:
    """Write a figure as an SVG, the same bytes for the same figure; missing folders are made.

    Returns:
        The path written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    with matplotlib.rc_context({'svg.hashsalt': path.name, 'svg.fonttype': 'none'}):
        FigureCanvasSVG(figure).print_svg(buffer, metadata={'Date': None})
    write_atomic(path, buffer.getvalue())
    return path


def save_both(figure: Figure, folder: Path, name: str) -> str:
    """Write a figure as ``NAME.png`` and ``NAME.svg``.

    Returns:
        The SVG's text from its first element on, to stand in a page.
    """
    save_figure(figure, folder / f'{name}.png')
    text = save_svg(figure, folder / f'{name}.svg').read_text(encoding='utf-8')
    return text[text.index('<svg') :]


def class_colours(count: int) -> list[str]:
    """Colours of foreground classes as ``#rrggbb``, bright on grey images and evenly spread.

    Example:
        >>> class_colours(2)
        ['#28bceb', '#fb7e21']
    """
    middles = (np.arange(count) + 0.5) / count  # turbo's ends are dark
    return [to_hex(colour) for colour in matplotlib.colormaps['turbo'](middles)]
