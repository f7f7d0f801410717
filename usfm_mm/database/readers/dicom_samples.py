"""Decoded samples of DICOM as 8-bit grey or RGB: palettes, windows, unused bits."""

import math
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut

from usfm_mm.database.readers.clip import sample_range, to_8_bits
from usfm_mm.io.image import used_bits

_CHANNELS = ('Red', 'Green', 'Blue')


def samples_to_8_bits(values: np.ndarray, header: Dataset) -> np.ndarray:
    """Decoded samples to uint8 grey [H, W] or RGB [H, W, 3]."""
    if header.PhotometricInterpretation == 'PALETTE COLOR':
        return _look_up(values, header)
    if values.dtype != np.uint8 or header.BitsStored < 8:
        values = _more_bits(values, header)
    if header.PhotometricInterpretation == 'MONOCHROME1':
        values = 255 - values
    return values


def _look_up(values: np.ndarray, header: Dataset) -> np.ndarray:
    count, first = (int(value) for value in header.RedPaletteColorLookupTableDescriptor[:2])
    count = count % 2**16 or 2**16  # negative where the field was read as signed
    if 'RedPaletteColorLookupTableData' in header:
        tables = np.stack([_table(header, channel, count) for channel in _CHANNELS], axis=-1)
    else:  # in segments
        tables = apply_color_lut(np.arange(first, first + count), header)[..., :3]
    # Entries of 16 bits should fill them; writers that keep 8 or 12 in them are common.
    bits = used_bits(int(tables.max()))
    tables = (tables >> (bits - 8)).astype(np.uint8)
    return tables[np.clip(values.astype(np.int32) - first, 0, count - 1)]


def _table(header: Dataset, channel: str, count: int) -> np.ndarray:
    """Entries of one channel, uint8 or uint16 [count]; words in the byte order of the file."""
    data = header[f'{channel}PaletteColorLookupTableData'].value
    if not isinstance(data, bytes):  # numbers, not bytes: its VR is US
        return np.atleast_1d(np.asarray(data, np.uint16))[:count]
    words = np.frombuffer(data, '<u2' if header.original_encoding[1] else '>u2').astype('<u2')
    # Entries of 8 bits are packed two to a word.
    return words[:count] if len(words) >= count else words.view(np.uint8)[:count]


def _more_bits(values: np.ndarray, header: Dataset) -> np.ndarray:
    bits = int(header.BitsStored)
    signed = int(header.get('PixelRepresentation', 0)) == 1
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    if bits > 16 or values.dtype.kind == 'f':
        return to_8_bits(values, *sample_range(values))
    if values.ndim == 3:
        return to_8_bits(values, *(sample_range(values) if bits == 16 else (low, high)))
    ends = apply_modality_lut(np.array([low, high], values.dtype), header)
    if np.isfinite(ends).all():
        values = apply_modality_lut(values, header)
    else:
        ends = np.array([low, high])
    if window := _window(header):
        return to_8_bits(values, *window)
    # 16 stored bits are seldom filled, and signed ones never are.
    ends = ends if bits < 16 and not signed else np.array(sample_range(values))
    return to_8_bits(values, float(ends.min()), float(ends.max()))


def _window(header: Dataset) -> tuple[float, float] | None:
    """Ends of the first linear window (PS3.3 C.11.2.1.2), if there is one."""
    center, width = _first(header.get('WindowCenter')), _first(header.get('WindowWidth'))
    if center is None or width is None or width <= 1:
        return None
    return center - 0.5 - (width - 1) / 2, center - 0.5 + (width - 1) / 2


def _first(value: Any) -> float | None:
    if value is None or value == '':
        return None
    number = float(value[0]) if hasattr(value, '__len__') and len(value) else float(value)
    return number if math.isfinite(number) else None
