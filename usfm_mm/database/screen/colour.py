"""Colour: Doppler and other overlays told from grey pictures and from tinted ones."""

import cv2
import numpy as np

from usfm_mm.database.screen.sector import reduced

# In grey levels between channels; video compression alone gives some ten.
_COLOURED = 30
_TINTED = 8
_LUMA_BINS = 32
_NEIGHBOURS = 4


def to_grey(pixels: np.ndarray) -> np.ndarray:
    """Luma of RGB uint8 [H, W, 3]; grey [H, W] stays as it is."""
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) if pixels.ndim == 3 else pixels


def coloured_share(pixels: np.ndarray) -> float:
    """Part of a picture that is coloured, from 0 to 1.

    A tint (a chroma map over the whole picture, colour as a function of brightness) is none;
    neither are lines and letters of a few pixels' width.

    Args:
        pixels: RGB uint8 [H, W, 3] or grey [H, W], cut to the picture.
    """
    if pixels.ndim == 2:
        return 0.0
    small = reduced(pixels)
    red, green, blue = (small[..., i].astype(np.int16) for i in range(3))
    chroma = np.stack([red - green, blue - green], axis=-1)
    if np.abs(chroma).max(initial=0) <= _COLOURED:
        return 0.0
    coloured = np.abs(chroma - _tint(chroma, to_grey(small))).max(axis=-1) > _COLOURED
    kernel = np.ones((3, 3), np.uint8)
    return float(cv2.morphologyEx(coloured.astype(np.uint8), cv2.MORPH_OPEN, kernel).mean())


def _tint(chroma: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """Chroma that each brightness has in common, int16 [H, W, 2]; 0 for a grey picture."""
    bright = grey > 2 * _TINTED
    if not bright.any() or np.abs(np.median(chroma[bright], axis=0)).max() <= _TINTED:
        return np.zeros_like(chroma)
    bins = grey // (256 // _LUMA_BINS)
    used = np.unique(bins)
    medians = np.array([np.median(chroma[bins == number], axis=0) for number in used])
    common = np.zeros((_LUMA_BINS, 2), np.int16)
    for i, number in enumerate(used):
        # An overlay of one brightness may outnumber the tissue in its bin, not in the bins around.
        reach = min(_NEIGHBOURS, i, len(used) - 1 - i)
        common[number] = np.median(medians[i - reach : i + reach + 1], axis=0)
    return common[bins]
