"""Panels of enhanced images, as the paper's Fig. 9."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from matplotlib.figure import Figure

from usfm_mm.io.image import read_named
from usfm_mm.visualization.tiles import Tile, tile_panel

Enhanced = tuple[np.ndarray, float]
"""An enhanced image, uint8 [H, W], and its SSIM in %."""


def enhancement_panel(
    rows: Sequence[Mapping[str, Any]], methods: Sequence[Mapping[str, Enhanced]], title: str = ''
) -> Figure:
    """Draw low quality, what each method makes of it, and high quality, with their SSIM.

    One row of the panel per image. Low and high quality are read from their files and brought to
    the size of the enhanced image.

    Args:
        rows: Of ``EnhancementMetric``'s table: ``image``, ``reference``, ``organ``,
            ``SSIM_input``.
        methods: For each row, by the method's name its enhanced image.
        title: A line above the panel.

    Raises:
        ValueError: If there is no row.
        BadImageError: If a file cannot be read; the message names it.
    """
    groups = {}
    for row, enhanced in zip(rows, methods, strict=True):
        shape = next(iter(enhanced.values()))[0].shape
        low, high = (_resized(read_named(row[key]), shape) for key in ('image', 'reference'))
        before = float(row['SSIM_input'])
        groups[f'{row["organ"]}: {Path(row["image"]).stem}'] = [
            Tile(low, f'low quality\nSSIM {before:.1f} %'),
            *(
                Tile(image, f'{name}\nSSIM {ssim:.1f} %')
                for name, (image, ssim) in enhanced.items()
            ),
            Tile(high, 'high quality\n'),
        ]
    return tile_panel(groups, title=title)


def spread_over_organs(rows: Sequence[Mapping[str, Any]], count: int) -> list[int]:
    """Choose images of every organ, evenly spread over the table.

    Args:
        rows: With ``organ``, in the order of the table.
        count: How many at most; of more organs, the first ones.

    Returns:
        Positions in the table, organ by organ.
    """
    by_organ: dict[str, list[int]] = {}
    for position, row in enumerate(rows):
        by_organ.setdefault(row['organ'], []).append(position)
    organs = sorted(by_organ)[:count]
    chosen: list[int] = []
    for organ in organs:
        own = by_organ[organ]
        spread = np.linspace(0, len(own) - 1, min(count // len(organs), len(own)))
        chosen += [own[i] for i in spread.round().astype(int)]
    return chosen


def _resized(image: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if image.shape == shape:
        return image
    return cv2.resize(image, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
