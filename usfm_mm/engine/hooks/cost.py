"""What the tested model costs."""

from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from usfm_mm.evaluation.cost import write_cost
from usfm_mm.registry import HOOKS


@HOOKS.register_module()
class CostHook(Hook):
    """Writes ``work_dir/test/cost.json``: parameters, FLOPs, images/s and memory of a test step.

    Measured after the test on its first batch, by the main process
    (:func:`~usfm_mm.evaluation.cost.measure_cost`). What cannot be measured is a warning.
    """

    _batch: Any = None

    def after_test_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Keep the first batch."""
        if batch_idx == 0:
            self._batch = data_batch

    def after_test(self, runner: Any) -> None:
        """Measure and write."""
        if self._batch is None or not is_main_process():
            return
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        file = Path(runner.work_dir, 'test', 'cost.json')
        write_cost(file, model, model.test_step, self._batch, runner.logger.warning)
