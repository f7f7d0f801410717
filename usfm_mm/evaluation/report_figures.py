"""Pictures of a test: where a model does well, and where it fails."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from matplotlib.figure import Figure

from usfm_mm.evaluation.bootstrap_cls import BootstrapClsMetric
from usfm_mm.evaluation.enhancement_metric import EnhancementMetric
from usfm_mm.evaluation.labels_metric import LabelsMetric
from usfm_mm.evaluation.per_image import PerImageMetric
from usfm_mm.evaluation.per_image_seg import PerImageSegMetric
from usfm_mm.evaluation.values_metric import ValuesMetric
from usfm_mm.io.image import decode_grey, read_named
from usfm_mm.visualization.answers import roc_panel, scatter_panel
from usfm_mm.visualization.confusion import confusion_panel
from usfm_mm.visualization.enhancement import enhancement_panel, spread_over_organs
from usfm_mm.visualization.tiles import Tile, tile_panel

_CAPTION_LETTERS = 26  # what fits above a tile


def report_figures(metric: PerImageMetric, num_images: int) -> dict[str, Callable[[], Figure]]:
    """What to draw of a metric's results, by the name of the picture.

    Args:
        metric: One of ours after an evaluation, with its masks or images kept.
        num_images: In a picture at most.

    Returns:
        Functions that draw; they raise ``BadImageError`` where an image cannot be read.
    """
    if isinstance(metric, PerImageSegMetric):
        return dict(
            overlays=lambda: _overlays(metric, num_images),
            hardest_easiest=lambda: _lowest_and_highest(metric, num_images),
        )
    if isinstance(metric, EnhancementMetric):
        return dict(
            panel=lambda: _enhanced(metric, num_images),
            hardest_easiest=lambda: _lowest_and_highest_ssim(metric, num_images),
        )
    if isinstance(metric, LabelsMetric):
        return dict(roc=lambda: roc_panel(*_columns(metric, 'score'), metric.labels))
    if isinstance(metric, ValuesMetric):
        return dict(scatter=lambda: scatter_panel(*_columns(metric, 'value'), metric.labels))
    assert isinstance(metric, BootstrapClsMetric)
    confusion = metric.confusion
    assert confusion is not None
    accuracy = 100 * np.trace(confusion) / confusion.sum()
    title = f'{confusion.sum()} images, ACC {accuracy:.1f} %'
    return dict(
        confusion_matrix=lambda: confusion_panel(confusion, metric.labels, title),
        hardest_easiest=lambda: _wrong_and_right(metric, num_images),
    )


def _columns(metric: LabelsMetric | ValuesMetric, answer: str) -> tuple[np.ndarray, np.ndarray]:
    """Truth and answers, [N, K]."""
    truth, answers = (
        np.array([[row[f'{kind}_{name}'] for name in metric.labels] for row in metric.per_image])
        for kind in ('truth', answer)
    )
    return truth, answers


def _overlays(metric: PerImageSegMetric, num_images: int) -> Figure:
    rows = metric.per_image
    count = min(num_images, len(rows))
    spread = np.linspace(0, len(rows) - 1, count).round().astype(int)
    tiles = [_mask_tile(metric, rows[n]) for n in spread]
    return tile_panel({'': tiles}, metric.class_names(metric.count_classes()))


def _lowest_and_highest(metric: PerImageSegMetric, num_images: int) -> Figure:
    rows = [row for row in metric.per_image if row['truth_pixels'] + row['pred_pixels']]
    rows = sorted(rows or metric.per_image, key=lambda row: (row['DSC'], row['image']))
    half = min(num_images // 2, -(-len(rows) // 2))
    groups = {'Lowest DSC': rows[:half], 'Highest DSC': rows[half:][-half:]}
    tiles = {
        heading: [_mask_tile(metric, row) for row in group] for heading, group in groups.items()
    }
    return tile_panel(tiles, metric.class_names(metric.count_classes()))


def _wrong_and_right(metric: BootstrapClsMetric, num_images: int) -> Figure:
    rows = sorted(metric.per_image, key=lambda row: (-row['score'], row['image']))
    wrong = [row for row in rows if row['truth'] != row['prediction']]
    right = [row for row in rows if row['truth'] == row['prediction']]
    half = num_images // 2
    groups = {'Wrong, most confident': wrong[:half], 'Right, most confident': right[:half]}
    tiles = {
        heading: [Tile(_picture(row['image']), _verdict(row)) for row in group]
        for heading, group in groups.items()
    }
    return tile_panel(tiles)


def _picture(image: str) -> np.ndarray:
    """An image, or the frame in the middle of a clip."""
    path = Path(image)
    if path.is_dir():
        frames = sorted(path.glob('*.png'))
        path = frames[len(frames) // 2] if frames else path
    return read_named(path)


def _enhanced(metric: EnhancementMetric, num_images: int) -> Figure:
    chosen = spread_over_organs(metric.per_image, num_images // 2)
    return panel_of(metric, [metric.per_image[n] for n in chosen])


def _lowest_and_highest_ssim(metric: EnhancementMetric, num_images: int) -> Figure:
    rows = sorted(metric.per_image, key=lambda row: (row['SSIM'], row['image']))
    half = num_images // 4 or 1
    return panel_of(metric, rows[:half] + rows[half:][-half:], 'Lowest to highest SSIM')


def panel_of(metric: EnhancementMetric, rows: list[dict], title: str = '') -> Figure:
    """Draw some of a metric's images beside their counterparts.

    Args:
        metric: After an evaluation with ``keep_images``.
        rows: Of its ``per_image``.
        title: A line above the panel.
    """
    enhanced = [{'enhanced': (metric.prediction(row['image']), row['SSIM'])} for row in rows]
    return enhancement_panel(rows, enhanced, title)


def _mask_tile(metric: PerImageSegMetric, row: dict[str, Any]) -> Tile:
    """An image at the size of its masks, captioned with its DSC."""
    truth, prediction = (decode_grey(mask) for mask in metric.masks[row['image']])
    image = read_named(row['image'])
    if image.shape != truth.shape:  # masks that were evaluated at the model's size
        image = cv2.resize(image, truth.shape[::-1], interpolation=cv2.INTER_AREA)
    return Tile(image, f'{_name(row)}\nDSC {row["DSC"]:.1f}', truth, prediction)


def _verdict(row: dict[str, Any]) -> str:
    confidence = f'{100 * row["score"]:.0f} %'
    if row['truth'] == row['prediction']:
        return f'{_name(row)}\n{row["truth"]}, {confidence}'
    return f'{_name(row)}\n{row["truth"]}\ntaken for {row["prediction"]}, {confidence}'


def _name(row: dict[str, Any]) -> str:
    """The file's name; the end of a long one, where the numbers are."""
    name = Path(row['image']).stem
    return name if len(name) <= _CAPTION_LETTERS else '…' + name[1 - _CAPTION_LETTERS :]
