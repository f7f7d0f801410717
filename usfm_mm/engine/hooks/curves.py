"""How a training went, as a picture."""

from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook

from usfm_mm.io.run_log import read_log
from usfm_mm.registry import HOOKS
from usfm_mm.visualization.curves import curves_panel
from usfm_mm.visualization.figures import save_figure


@HOOKS.register_module()
class CurvesHook(Hook):
    """Draws loss and validation measures as ``curves.png`` when a training ends.

    ``usfm report`` draws the same of a run that was stopped.
    """

    priority = 'VERY_LOW'  # after the logger

    def after_train(self, runner: Any) -> None:
        """Draw, where anything was logged."""
        if not is_main_process():
            return
        try:
            steps, validations = read_log(runner.work_dir)
        except FileNotFoundError:  # shorter than the interval of the log
            return
        losses = [(row['step'], row['loss']) for row in steps]
        path = save_figure(curves_panel(losses, validations), Path(runner.work_dir, 'curves.png'))
        runner.logger.info(f'How it went: {path}')
