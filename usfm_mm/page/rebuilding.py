"""Reconstruction under masks that the visitor paints: the paper's Fig. 6."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from usfm_mm.inference.answers import Reconstruction
from usfm_mm.inference.formats.table import row_of
from usfm_mm.inference.frames import Frame
from usfm_mm.inference.prepare import with_channels
from usfm_mm.inference.rebuild import check_masks, draw_masks, rebuild_frames
from usfm_mm.page import markup
from usfm_mm.page.pixels import data_uri
from usfm_mm.visualization.overlay import as_rgb, heat
from usfm_mm.visualization.reconstruction import log_spectrum

_LINE = (255, 170, 0)
_MOST = 64  # grey levels of error that get the full colour


def drawn_cells(card: Any, seed: int) -> tuple[list[list[int]], list[int]]:
    """Masks as ``usfm predict --seed`` draws them for one picture.

    Returns:
        Rows of patches, 1 where masked, and the numbers of the stopped bands, from 0.
    """
    patches, bands = draw_masks(card, seed, 0)
    return patches.astype(int).tolist(), np.flatnonzero(bands).tolist()


def band_names(card: Any) -> list[tuple[str, int]]:
    """Each frequency band in words with its number, without those that the model's images lack."""
    from usfm_mm.masking import band_edges, empty_bands

    edges = band_edges()
    empty = empty_bands(*card.image_size, edges)
    return [
        (f'{low}–{high}', number)
        for number, (low, high) in enumerate(zip(edges[:-1], edges[1:], strict=True))
        if number not in empty
    ]


def rebuild(
    model: Any, frame: Frame, cells: Sequence[Sequence[int]], stopped: Sequence[int]
) -> Reconstruction:
    """Reconstruct a frame under masks from the page, which may be anything.

    Args:
        model: Of pre-training.
        frame: What is shown.
        cells: Rows of patches, 1 where masked.
        stopped: Numbers of the stopped bands, from 0.

    Raises:
        ValueError: The masks do not fit the model.
    """
    grid, drawn = draw_masks(model.card, 0, 0)
    try:
        patches = np.array(cells, bool).reshape(grid.shape)
        bands = np.isin(np.arange(drawn.size), [int(number) for number in stopped])
    except (TypeError, ValueError):
        raise ValueError(f'the mask is no grid of {grid.shape[0]} x {grid.shape[1]}') from None
    check_masks(model.card, patches, bands)
    [answer] = rebuild_frames(model, [frame], 1, given=(patches, bands))
    return answer


def reconstruction(answer: Reconstruction, image_size: tuple[int, int]) -> str:
    """Original, masked, reconstruction and error; below them their spectra."""
    original = with_channels(answer.frame.pixels, 1)
    stages = [original, answer.masked, answer.image]
    spectra = [_centre(log_spectrum(stage), image_size) for stage in stages]
    white = float(np.percentile(spectra[0], 99.9)) or 1.0
    above = [
        markup.picture(data_uri(stage), caption)
        for stage, caption in zip(stages, ('picture', 'masked', 'reconstruction'), strict=True)
    ]
    above.append(
        markup.picture(data_uri(heat(answer.image, answer.error, _MOST)), f'error, up to {_MOST}')
    )
    size = original.shape[1], original.shape[0]
    captions = ('its spectrum', 'masked spectrum', 'reconstructed spectrum')
    below = [
        markup.picture(data_uri(_with_bands(spectrum / white, size, answer.bands)), caption)
        for spectrum, caption in zip(spectra, captions, strict=True)
    ]
    error = row_of(answer)['mean_error']
    below.append(f'<p class="number"><b>{error}</b>grey levels of 255: the mean error</p>')
    return f'<div class="four">{"".join(above + below)}</div>'


def _centre(spectrum: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The frequencies that the model's images have, in cycles per image."""
    rows, columns = (
        slice(max(side // 2 - most // 2, 0), side // 2 + most // 2)
        for side, most in zip(spectrum.shape, size, strict=True)
    )
    return spectrum[rows, columns]


def _with_bands(levels: np.ndarray, size: tuple[int, int], bands: np.ndarray | None) -> np.ndarray:
    """A spectrum at a width and height, with lines where stopped bands begin and end."""
    from usfm_mm.masking import band_edges

    grey = np.rint(255 * levels.clip(0, 1)).astype(np.uint8)
    drawn = as_rgb(cv2.resize(grey, size, interpolation=cv2.INTER_NEAREST)).copy()
    scale = [side / most for side, most in zip(size, levels.shape[::-1], strict=True)]
    if bands is None:
        return drawn
    edges = band_edges(len(bands))
    for number in np.flatnonzero(bands):
        for radius in edges[number : number + 2]:
            axes = [round(radius * factor) for factor in scale]
            cv2.ellipse(drawn, (size[0] // 2, size[1] // 2), axes, 0, 0, 360, _LINE, 1, cv2.LINE_AA)
    return drawn
