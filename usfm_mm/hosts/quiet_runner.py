"""mmengine runners that keep the console readable.

mmengine prints its environment, the whole config, the hooks and one paragraph per parameter on the
console at start, hundreds of lines (open-mmlab/mmdetection#7136). Here they go to the
log file alone; the console shows warnings, our own messages, progress and saved checkpoints.
"""

import logging
from pathlib import Path
from typing import Any

from mmengine._strategy import BaseStrategy
from mmengine.logging import MMLogger
from mmengine.runner import FlexibleRunner, Runner

from usfm_mm.registry import RUNNERS

_SHOWN_MODULES = {'logger_hook', 'checkpoint_hook'}
_OURS = str(Path(__file__).resolve().parents[1])


def _worth_showing(record: logging.LogRecord) -> bool:
    ours = record.pathname.startswith(_OURS) or record.module in _SHOWN_MODULES
    message = str(record.msg)
    # mmengine's own use of what it deprecates, and the name repeated before each line of progress.
    noise = 'will be deprecated' in message or message.startswith('Exp name')
    # What print_log says is attributed to mmengine: the report on a loaded checkpoint is ours.
    loaded = 'esumed' in message or message.startswith('Loaded ')
    wanted = record.levelno >= logging.WARNING or ours or loaded
    return wanted and not noise


def _quieten(logger: MMLogger) -> None:
    for handler in logger.handlers:
        if not isinstance(handler, logging.FileHandler):
            handler.addFilter(_worth_showing)


@RUNNERS.register_module()
class QuietRunner(Runner):
    """``Runner`` with a readable console."""

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """Build mmengine's logger, with a filter on its console handler."""
        logger = super().build_logger(*args, **kwargs)
        _quieten(logger)
        return logger


@RUNNERS.register_module()
class QuietFlexibleRunner(FlexibleRunner):
    """``FlexibleRunner`` with a readable console, for FSDP and DeepSpeed."""

    def build_strategy(self, *args: Any, **kwargs: Any) -> BaseStrategy:
        """Build the strategy, which holds the logger here."""
        strategy = super().build_strategy(*args, **kwargs)
        _quieten(strategy.logger)
        return strategy
