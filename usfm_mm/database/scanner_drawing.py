"""Drawings of scanners' outlines, without a pixel of any file."""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from usfm_mm.database.agreement import Agreement
from usfm_mm.database.scanner import Key, Scanner, screen_name
from usfm_mm.visualization.figures import figure_to_array
from usfm_mm.visualization.tiles import Tile, tile_panel

# Longest side of a drawing in pixels; grey of the picture in a drawing without votes.
_SIDE, _GREY = 240, 110
_LINE = 24  # characters of a caption
_DPI = 150


def draw_agreements(found: Iterable[Agreement]) -> np.ndarray | None:
    """How many files' pictures cover each place of the screen, and what was agreed on.

    Args:
        found: Those with any votes are drawn.

    Returns:
        uint8 [H, W, 3] RGB, the brighter the more files, the outline green and the text that
        most files have yellow; None where there is nothing to draw.
    """
    tiles = [
        _tile(one.key, np.rint(255 * one.votes).astype(np.uint8), one.scanner, one.why)
        for one in found
        if one.votes.size
    ]
    return _panel(tiles, 'bright: in the picture of many files')


def draw_scanners(scanners: Sequence[Scanner]) -> np.ndarray | None:
    """The outlines and the places of text alone; see :func:`draw_agreements`."""
    tiles = [_tile(one.key, (one.mask * _GREY).astype(np.uint8), one, '') for one in scanners]
    return _panel(tiles, '')


def _tile(key: Key, grey: np.ndarray, scanner: Scanner | None, why: str) -> Tile:
    scale = min(_SIDE / max(grey.shape), 1)
    size = max(round(grey.shape[1] * scale), 1), max(round(grey.shape[0] * scale), 1)
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    name, told = screen_name(key), f'not taken: {why}'
    if scanner is None:
        return Tile(small, f'{_lines(name)}\n{_lines(told)}')
    banner = np.zeros(grey.shape, np.uint8)
    for box in scanner.banner:
        box.cut(banner)[:] = 1
    masks = (
        cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
        for mask in (banner, scanner.mask.astype(np.uint8))
    )
    told = (
        f'{scanner.files} files of {scanner.patients} patients agree, {scanner.agreeing:.0%}; '
        f'{scanner.within:.0%} are within'
    )
    return Tile(small, f'{_lines(name)}\n{_lines(told)}', *masks)


def _lines(text: str) -> str:
    """Text in lines, without beginning a formula."""
    words, lines = text.replace('$', r'\$').split(), ['']
    for word in words:
        if lines[-1] and len(lines[-1]) + len(word) >= _LINE:
            lines.append('')
        lines[-1] = f'{lines[-1]} {word}'.strip()
    return '\n'.join(lines)


def _panel(tiles: Sequence[Tile], title: str) -> np.ndarray | None:
    if not tiles:
        return None
    figure = tile_panel({'': tiles}, ('', 'picture'), title)
    figure.legends.clear()  # of a truth and a model's prediction
    figure.set_dpi(_DPI)
    return figure_to_array(figure)
