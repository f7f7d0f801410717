"""mmengine runners that keep the console readable and load checkpoints that fit.

mmengine prints its environment, the whole config, the hooks and one paragraph per parameter on the
console at start, hundreds of lines (open-mmlab/mmdetection#7136). Here they go to the
log file alone; the console shows warnings, our own messages, progress and saved checkpoints. And
where a checkpoint to resume from or to test lacks weights of the model, mmengine warns and goes on
with random ones; here that is an error.
"""

import logging
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from mmengine._strategy import BaseStrategy
from mmengine.logging import MMLogger
from mmengine.runner import FlexibleRunner, Runner

from usfm_mm.config.provenance import compare_settings
from usfm_mm.registry import RUNNERS

_SHOWN = 2000  # characters of the list of weights that do not fit
_SHOWN_MODULES = {'logger_hook', 'checkpoint_hook'}
_OURS = str(Path(__file__).resolve().parents[1])


def _worth_showing(record: logging.LogRecord) -> bool:
    ours = record.pathname.startswith(_OURS) or record.module in _SHOWN_MODULES
    message = str(record.msg)
    # mmengine's own use of what it deprecates, and the name repeated before each line of progress.
    # mmseg's images of different size are those of a test, one by one.
    noise = (
        'will be deprecated' in message
        or message.startswith('Exp name')
        or 'Image shapes are different in the batch' in message
    )
    # What print_log says is attributed to mmengine: the report on a loaded checkpoint is ours.
    loaded = 'esumed' in message or message.startswith('Loaded ')
    wanted = record.levelno >= logging.WARNING or ours or loaded
    return wanted and not noise


def _quieten(logger: MMLogger) -> None:
    # Parts of ours that do without mmengine log by Python's own means.
    logging.getLogger('usfm_mm').handlers = logger.handlers
    for handler in logger.handlers:
        if not isinstance(handler, logging.FileHandler):
            handler.addFilter(_worth_showing)


@RUNNERS.register_module()
class QuietRunner(Runner):
    """``Runner`` with a readable console, which resumes and tests only checkpoints that fit."""

    _testing = False

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """Build mmengine's logger, with a filter on its console handler."""
        logger = super().build_logger(*args, **kwargs)
        _quieten(logger)
        return logger

    def load_checkpoint(
        self, filename: str, map_location: Any = 'cpu', strict: bool = False, **kwargs: Any
    ) -> dict:
        """Load weights; strictly to resume or test.

        Raises:
            ValueError: If the file cannot be read, or, strictly, a weight of the model or of the
                file has no counterpart; or a test has the classes of training in another order.
        """
        strict = strict or self._resume or self._testing
        try:
            checkpoint = super().load_checkpoint(filename, map_location, strict, **kwargs)
        except (RuntimeError, UnpicklingError) as error:
            raise ValueError(
                f'{filename} cannot be loaded into the model of {self.cfg.filename}: is it a '
                'checkpoint of this config, with the same --arch, --image-size and classes?\n'
                f'{str(error)[:_SHOWN]}'
            ) from error
        if self._testing:
            metainfo = getattr(self.test_loop.dataloader.dataset, 'metainfo', {})
            compare_settings(self.cfg, metainfo.get('classes'), checkpoint)
        return checkpoint

    def test(self) -> dict:
        """Test a checkpoint that fits."""
        self._testing = True
        return super().test()


@RUNNERS.register_module()
class QuietFlexibleRunner(FlexibleRunner):
    """``FlexibleRunner`` with a readable console, for FSDP and DeepSpeed."""

    def build_strategy(self, *args: Any, **kwargs: Any) -> BaseStrategy:
        """Build the strategy, which holds the logger here."""
        strategy = super().build_strategy(*args, **kwargs)
        _quieten(strategy.logger)
        return strategy
