"""What a test leaves behind: tables, numbers and pictures in ``work_dir/test``."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from matplotlib.figure import Figure
from mmengine.dist import is_main_process
from mmengine.hooks import Hook

from usfm_mm.engine.hooks.enhancement import panel_of
from usfm_mm.evaluation.bootstrap_cls import BootstrapClsMetric
from usfm_mm.evaluation.enhancement_metric import EnhancementMetric
from usfm_mm.evaluation.per_image import PerImageMetric
from usfm_mm.evaluation.per_image_seg import PerImageSegMetric, unpack_mask
from usfm_mm.io.atomic import write_atomic
from usfm_mm.io.image import BadImageError, read_named
from usfm_mm.registry import HOOKS
from usfm_mm.visualization.enhancement import spread_over_organs
from usfm_mm.visualization.panels import save_figure
from usfm_mm.visualization.results import Tile, confusion_panel, tile_panel

_CAPTION_LETTERS = 26


@HOOKS.register_module()
class TestReportHook(Hook):
    """Writes the results of a test to ``work_dir/test``.

    Beside ``per_image.csv``, which the metric writes, unless it has a ``csv_path`` of its own:

    - ``summary.json``: the metrics, the number of images, the checkpoint with its epoch and
      iteration, the config's name and the seed.
    - ``hardest_easiest.png``: in segmentation the images of lowest and highest DSC, those without
      any foreground in truth and prediction left out; in classification the most confident wrong
      and right ones; in enhancement those of lowest and highest SSIM.
    - ``overlays.png`` (segmentation): outlines on images spread evenly over the sorted test set.
    - ``confusion_matrix.png`` (classification).
    - ``enhanced/NAME.png`` and ``panel.png`` (enhancement): every enhanced image, and some beside
      their counterparts of low and high quality, as the paper's Fig. 9.

    Needs ``usfm_mm.PerImageSegMetric``, ``usfm_mm.BootstrapClsMetric`` or
    ``usfm_mm.EnhancementMetric`` as test evaluator, the first of them where there are more. Only
    the main process draws, from the gathered results and the image files; a file that cannot be
    read costs the picture with it and is a warning.

    Args:
        num_images: Images in a picture at most; half of them hardest, half easiest.

    Raises:
        ValueError: If ``num_images`` is below 2, or at the test, if no metric can be reported.
    """

    __test__ = False  # its name must not make pytest collect it
    priority = 'LOW'

    def __init__(self, num_images: int = 12) -> None:
        if num_images < 2:
            raise ValueError(f'num_images must be at least 2, got {num_images}')
        self.num_images = num_images
        self._loaded: dict[str, Any] = {}
        self._trained = False

    def after_load_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Remember what is known of the weights."""
        self._loaded = checkpoint.get('meta', {})

    def after_train(self, runner: Any) -> None:
        """The weights are no longer those that were loaded."""
        self._trained = True
        self._loaded = dict(epoch=runner.epoch, iter=runner.iter)

    def before_test(self, runner: Any) -> None:
        """Tell the metric to write its table and to keep its masks or images."""
        metric = _metric_of(runner)
        if metric.csv_path is None:
            metric.csv_path = Path(runner.work_dir, 'test', 'per_image.csv')
        if isinstance(metric, PerImageSegMetric):
            metric.keep_masks = True
        if isinstance(metric, EnhancementMetric):
            metric.keep_images = True

    def after_test_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Write numbers and pictures on the main process."""
        if not is_main_process():
            return
        metric = _metric_of(runner)
        folder = Path(runner.work_dir, 'test')
        folder.mkdir(parents=True, exist_ok=True)
        config = runner.cfg.filename
        summary = dict(
            metrics=metrics,
            images=len(metric.per_image),
            # A run that tests what it has just trained has no file to name.
            checkpoint=None if self._trained else runner.cfg.get('load_from'),
            epoch=self._loaded.get('epoch'),
            iter=self._loaded.get('iter'),
            config=None if config is None else Path(config).name,
            seed=runner.seed,
        )
        content = json.dumps(summary, indent=2, default=float)
        write_atomic(folder / 'summary.json', content.encode())
        if isinstance(metric, EnhancementMetric):
            (folder / 'enhanced').mkdir(exist_ok=True)
            for image, png in metric.predictions.items():
                write_atomic(folder / 'enhanced' / f'{Path(image).stem}.png', png)
        for name, draw in self._figures(metric).items():
            try:
                save_figure(draw(), folder / f'{name}.png')
            except BadImageError as error:
                runner.logger.warning(f'TestReportHook: no {name}.png, since {error}')
        runner.logger.info(f'Test report: {folder}')

    def _figures(self, metric: PerImageMetric) -> dict[str, Callable[[], Figure]]:
        if isinstance(metric, PerImageSegMetric):
            return dict(
                overlays=lambda: self._overlays(metric),
                hardest_easiest=lambda: self._lowest_and_highest(metric),
            )
        if isinstance(metric, EnhancementMetric):
            return dict(
                panel=lambda: self._enhanced(metric),
                hardest_easiest=lambda: self._lowest_and_highest_ssim(metric),
            )
        assert isinstance(metric, BootstrapClsMetric)
        confusion = metric.confusion
        assert confusion is not None
        accuracy = 100 * np.trace(confusion) / confusion.sum()
        title = f'{confusion.sum()} images, ACC {accuracy:.1f} %'
        return dict(
            confusion_matrix=lambda: confusion_panel(confusion, metric.labels, title),
            hardest_easiest=lambda: self._wrong_and_right(metric),
        )

    def _overlays(self, metric: PerImageSegMetric) -> Figure:
        rows = metric.per_image
        count = min(self.num_images, len(rows))
        spread = np.linspace(0, len(rows) - 1, count).round().astype(int)
        tiles = [_mask_tile(metric, rows[n]) for n in spread]
        return tile_panel({'': tiles}, metric.class_names(metric.count_classes()))

    def _lowest_and_highest(self, metric: PerImageSegMetric) -> Figure:
        rows = [row for row in metric.per_image if row['truth_pixels'] + row['pred_pixels']]
        rows = sorted(rows or metric.per_image, key=lambda row: (row['DSC'], row['image']))
        half = min(self.num_images // 2, -(-len(rows) // 2))
        groups = {'Lowest DSC': rows[:half], 'Highest DSC': rows[half:][-half:]}
        tiles = {
            heading: [_mask_tile(metric, row) for row in group] for heading, group in groups.items()
        }
        return tile_panel(tiles, metric.class_names(metric.count_classes()))

    def _wrong_and_right(self, metric: BootstrapClsMetric) -> Figure:
        rows = sorted(metric.per_image, key=lambda row: (-row['score'], row['image']))
        wrong = [row for row in rows if row['truth'] != row['prediction']]
        right = [row for row in rows if row['truth'] == row['prediction']]
        half = self.num_images // 2
        groups = {'Wrong, most confident': wrong[:half], 'Right, most confident': right[:half]}
        tiles = {
            heading: [Tile(read_named(row['image']), _verdict(row)) for row in group]
            for heading, group in groups.items()
        }
        return tile_panel(tiles)

    def _enhanced(self, metric: EnhancementMetric) -> Figure:
        chosen = spread_over_organs(metric.per_image, self.num_images // 2)
        return panel_of(metric, [metric.per_image[n] for n in chosen])

    def _lowest_and_highest_ssim(self, metric: EnhancementMetric) -> Figure:
        rows = sorted(metric.per_image, key=lambda row: (row['SSIM'], row['image']))
        half = self.num_images // 4 or 1
        return panel_of(metric, rows[:half] + rows[half:][-half:], 'Lowest to highest SSIM')


def _metric_of(runner: Any) -> PerImageMetric:
    """The first of our metrics among the test's."""
    metrics = runner.test_loop.evaluator.metrics
    for metric in metrics:
        if isinstance(metric, (PerImageSegMetric, BootstrapClsMetric, EnhancementMetric)):
            return metric
    names = ', '.join(type(metric).__name__ for metric in metrics)
    raise ValueError(
        'TestReportHook needs usfm_mm.PerImageSegMetric, usfm_mm.BootstrapClsMetric or '
        f'usfm_mm.EnhancementMetric in test_evaluator, which has {names}'
    )


def _mask_tile(metric: PerImageSegMetric, row: dict[str, Any]) -> Tile:
    """An image at the size of its masks, captioned with its DSC."""
    truth, prediction = (unpack_mask(mask) for mask in metric.masks[row['image']])
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
