"""What a test leaves behind: tables, numbers and pictures in ``work_dir/test``."""

from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook

from usfm_mm.config.corruption import corruption_of
from usfm_mm.evaluation.bootstrap_cls import BootstrapClsMetric
from usfm_mm.evaluation.enhancement_metric import EnhancementMetric
from usfm_mm.evaluation.labels_metric import LabelsMetric
from usfm_mm.evaluation.per_image import PerImageMetric
from usfm_mm.evaluation.per_image_seg import PerImageSegMetric
from usfm_mm.evaluation.report_figures import report_figures
from usfm_mm.evaluation.values_metric import ValuesMetric
from usfm_mm.io.atomic import write_atomic
from usfm_mm.io.image import BadImageError
from usfm_mm.io.json_file import write_json
from usfm_mm.io.table import write_table
from usfm_mm.registry import HOOKS
from usfm_mm.visualization.figures import save_figure


@HOOKS.register_module()
class TestReportHook(Hook):
    """Writes the results of a test to ``work_dir/test``.

    Beside ``per_image.csv``, which the metric writes, unless it has a ``csv_path`` of its own:

    - ``summary.json``: the metrics, the number of images, the checkpoint with its epoch and
      iteration, the config's name and the seed; ``corruption`` where images were made worse.
    - ``hardest_easiest.png``: in segmentation the images of lowest and highest DSC, those without
      any foreground in truth and prediction left out; in classification the most confident wrong
      and right ones; in enhancement those of lowest and highest SSIM.
    - ``overlays.png`` (segmentation): outlines on images spread evenly over the sorted test set.
    - ``per_class.csv`` and ``confusion_matrix.png`` (classification), ``roc.png`` (several labels),
      ``scatter.png`` (values).
    - ``enhanced/NAME.png`` and ``panel.png`` (enhancement): every enhanced image, and some beside
      their counterparts of low and high quality, as the paper's Fig. 9.

    Needs one of our metrics as test evaluator, the first of them where there are more. Only the
    main process draws, from the gathered results and the image files; a file that cannot be
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
        if corruption := corruption_of(runner.cfg):
            summary['corruption'] = corruption
        if isinstance(metric, BootstrapClsMetric):
            write_table(folder / 'per_class.csv', metric.per_class)
        write_json(folder / 'summary.json', summary, default=float)
        if isinstance(metric, EnhancementMetric):
            (folder / 'enhanced').mkdir(exist_ok=True)
            for image, png in metric.predictions.items():
                write_atomic(folder / 'enhanced' / f'{Path(image).stem}.png', png)
        for name, draw in report_figures(metric, self.num_images).items():
            try:
                save_figure(draw(), folder / f'{name}.png')
            except BadImageError as error:
                runner.logger.warning(f'TestReportHook: no {name}.png, since {error}')
        runner.logger.info(f'Test report: {folder}')


_REPORTED = (
    PerImageSegMetric,
    BootstrapClsMetric,
    LabelsMetric,
    ValuesMetric,
    EnhancementMetric,
)


def _metric_of(runner: Any) -> PerImageMetric:
    """The first of our metrics among the test's."""
    metrics = runner.test_loop.evaluator.metrics
    for metric in metrics:
        if isinstance(metric, _REPORTED):
            return metric
    names = ', '.join(type(metric).__name__ for metric in metrics)
    raise ValueError(
        f'TestReportHook needs one of {", ".join(kind.__name__ for kind in _REPORTED)} of usfm_mm '
        f'in test_evaluator, which has {names}'
    )
