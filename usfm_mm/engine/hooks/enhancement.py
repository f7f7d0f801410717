"""Shows during training what an enhanced image looks like, as the paper's Fig. 9."""

from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook

from usfm_mm.engine.show_image import show_image
from usfm_mm.evaluation.enhancement_metric import EnhancementMetric
from usfm_mm.evaluation.report_figures import panel_of
from usfm_mm.io.image import BadImageError
from usfm_mm.registry import HOOKS
from usfm_mm.visualization.enhancement import spread_over_organs
from usfm_mm.visualization.figures import figure_to_array, save_figure


@HOOKS.register_module()
class EnhancementHook(Hook):
    """Draws low quality, the enhanced image and high quality, with their SSIM, at each validation.

    The images are the same every time, spread over the validation set and its organs. They go to
    ``work_dir/enhancement/iter_XXXXXX.png``, named by the iterations done, and to TensorBoard.
    Only the main process draws, from the gathered results and the image files; a file that cannot
    be read costs the panel and is a warning.

    Args:
        num_images: Images in a panel at most.

    Raises:
        ValueError: If ``num_images`` is below 1, or at the start of the training, if
            ``val_evaluator`` has no ``usfm_mm.EnhancementMetric``.
    """

    priority = 'LOW'

    def __init__(self, num_images: int = 6) -> None:
        if num_images < 1:
            raise ValueError(f'num_images must be at least 1, got {num_images}')
        self.num_images = num_images

    def before_train(self, runner: Any) -> None:
        """Look for the metric now, rather than at the first validation."""
        if runner.val_loop is not None:
            _metric_of(runner)

    def before_val(self, runner: Any) -> None:
        """Tell the metric to keep its images."""
        _metric_of(runner).keep_images = True

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        """Draw on the main process."""
        if not is_main_process():
            return
        metric = _metric_of(runner)
        rows = [metric.per_image[i] for i in spread_over_organs(metric.per_image, self.num_images)]
        name = f'iter_{runner.iter:06d}'
        try:
            figure = panel_of(metric, rows, name.replace('_', ' '))
        except BadImageError as error:
            runner.logger.warning(f'EnhancementHook: no {name}.png, since {error}')
            return
        path = save_figure(figure, Path(runner.work_dir, 'enhancement', f'{name}.png'))
        show_image(runner, 'enhancement', figure_to_array(figure), runner.iter)
        runner.logger.info(f'Enhancement panel: {path}')


def _metric_of(runner: Any) -> EnhancementMetric:
    metrics = runner.val_loop.evaluator.metrics
    for metric in metrics:
        if isinstance(metric, EnhancementMetric):
            return metric
    names = ', '.join(type(metric).__name__ for metric in metrics)
    raise ValueError(
        f'EnhancementHook needs usfm_mm.EnhancementMetric in val_evaluator, which has {names}'
    )
