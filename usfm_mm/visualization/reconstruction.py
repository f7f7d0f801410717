"""Panels of masked images and their reconstruction, as the paper's Fig. 6."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from usfm_mm.visualization.figures import DPI

PANEL_COLUMNS = ('Original', 'Masked', 'Reconstruction')
"""Columns of the paper's Fig. 6, drawn once in space and once in the log spectrum."""

_TILE_INCHES = 1.12


def log_spectrum(images: np.ndarray) -> np.ndarray:
    """Log amplitude spectrum, log(1 + |F|), with F the orthonormal DFT and DC in the centre.

    Args:
        images: ``[..., H, W]``. The logarithm bends where |F| is about 1, so pass grey levels in
            0..255 to see speckle, whose amplitudes are far below 1 for intensities in [0, 1].

    Returns:
        ``[..., H, W]``, not negative; DC lies at ``[..., H // 2, W // 2]``.
    """
    spectrum = np.fft.fft2(np.asarray(images, dtype=np.float64), norm='ortho')
    return np.log1p(np.abs(np.fft.fftshift(spectrum, axes=(-2, -1))))


def reconstruction_panel(
    original: np.ndarray,
    masked: np.ndarray,
    reconstruction: np.ndarray,
    labels: Sequence[str],
    title: str = '',
) -> Figure:
    """Draw original, masked image and reconstruction, in space and in log spectrum (Fig. 6).

    One row per image. A row's three spectra share one grey scale, black = 0 and white = the
    99.9th percentile of the original's, so a stopped band is dark and a band that came back is as
    bright as it was.

    Args:
        original: ``[N, C, H, W]`` intensities, clipped to [0, 1] for display; C is 1 or 3.
        masked: What the model saw, of the same shape.
        reconstruction: What the model returned, of the same shape.
        labels: N names for the rows, usually the organs.
        title: A line above the panel.

    Raises:
        ValueError: If the shapes or the number of labels disagree, or there is no image.
    """
    stages = [np.asarray(stage, dtype=np.float64) for stage in (original, masked, reconstruction)]
    shape = stages[0].shape
    if len(shape) != 4 or shape[0] == 0 or shape[1] not in (1, 3):
        raise ValueError(f'images must be [N, C, H, W] with N > 0 and C 1 or 3, got {shape}')
    if any(stage.shape != shape for stage in stages):
        shapes = ', '.join(str(stage.shape) for stage in stages)
        raise ValueError(f'original, masked and reconstruction differ in shape: {shapes}')
    if len(labels) != shape[0]:
        raise ValueError(f'{len(labels)} labels for {shape[0]} images')

    stages = [stage.clip(0, 1) for stage in stages]
    rows: list[list[tuple[np.ndarray, float]]] = []
    for index in range(shape[0]):
        spectra = [log_spectrum(255 * stage[index].mean(axis=0)) for stage in stages]
        white = float(np.percentile(spectra[0], 99.9)) or 1.0
        rows.append(
            [(_displayable(stage[index]), 1.0) for stage in stages]
            + [(spectrum, white) for spectrum in spectra]
        )
    columns = [*PANEL_COLUMNS, *(f'{name}\nspectrum' for name in PANEL_COLUMNS)]
    return _contact_sheet(rows, labels, columns, title)


def dataset_panel(
    stored: Sequence[np.ndarray],
    augmented: np.ndarray,
    masked: np.ndarray,
    labels: Sequence[str],
    title: str = '',
) -> Figure:
    """Draw what the data pipeline does: stored, augmented, masked, and the masked log spectrum.

    Args:
        stored: N images as they lie on disk, each ``[H, W]`` or ``[H, W, C]``, grey levels in
            0..255; sizes may differ.
        augmented: ``[N, C, H, W]`` intensities, clipped to [0, 1] for display.
        masked: The augmented images after the dual mask, of the same shape.
        labels: N names for the rows, usually the organs.
        title: A line above the panel.

    Raises:
        ValueError: If the numbers of images and labels disagree, or there is no image.
    """
    if not len(stored) == len(augmented) == len(masked) == len(labels) > 0:
        raise ValueError(
            f'{len(stored)} stored, {len(augmented)} augmented and {len(masked)} masked images '
            f'for {len(labels)} labels: the numbers must agree and not be 0'
        )
    augmented, masked = np.clip(augmented, 0, 1), np.clip(masked, 0, 1)
    rows = []
    for index, image in enumerate(stored):
        image = np.asarray(image, dtype=np.float64) / 255
        if image.ndim == 3:
            image = image[..., 0] if image.shape[-1] == 1 else image
        white = float(np.percentile(log_spectrum(255 * augmented[index].mean(axis=0)), 99.9))
        rows.append(
            [
                (image, 1.0),
                (_displayable(augmented[index]), 1.0),
                (_displayable(masked[index]), 1.0),
                (log_spectrum(255 * masked[index].mean(axis=0)), white or 1.0),
            ]
        )
    columns = ('Stored', 'Augmented', 'Masked', 'Masked\nspectrum')
    return _contact_sheet(rows, labels, columns, title, tile=1.5)


def _displayable(image: np.ndarray) -> np.ndarray:
    """``[C, H, W]`` as ``imshow`` takes it: ``[H, W]`` grey or ``[H, W, 3]``."""
    return image[0] if len(image) == 1 else np.moveaxis(image, 0, -1)


def _contact_sheet(
    rows: Sequence[Sequence[tuple[np.ndarray, float]]],
    labels: Sequence[str],
    columns: Sequence[str],
    title: str,
    tile: float = _TILE_INCHES,
) -> Figure:
    """Tiles in rows and columns; each tile is (image, value drawn white), black is 0."""
    left, top = 0.28, 0.34 + (0.24 if title else 0.0)  # inches for row and column headings
    width = left + tile * len(columns) + 0.05
    height = top + tile * len(rows) + 0.05
    figure = Figure(figsize=(width, height), dpi=DPI)
    if title:
        figure.text(0.5, 1 - 0.17 / height, title, ha='center', va='center', fontsize=10)
    for j, column in enumerate(columns):
        x = (left + tile * (j + 0.5) - 0.02) / width
        y = (height - top + 0.02) / height
        figure.text(x, y, column, ha='center', va='bottom', fontsize=8.5, linespacing=1.0)
    for i, row in enumerate(rows):
        bottom = height - top - tile * (i + 1)
        for j, (image, white) in enumerate(row):
            axes = figure.add_axes(
                (
                    (left + tile * j) / width,
                    bottom / height,
                    (tile - 0.04) / width,
                    (tile - 0.04) / height,
                )
            )
            axes.imshow(image, cmap='gray', vmin=0, vmax=white, interpolation='antialiased')
            axes.set_axis_off()
        figure.text(
            0.5 * left / width,
            (bottom + 0.5 * tile) / height,
            labels[i],
            rotation=90,
            ha='center',
            va='center',
            fontsize=8.5,
        )
    return figure
