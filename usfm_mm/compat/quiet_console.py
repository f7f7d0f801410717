"""A readable console beside mmengine's runners.

At its start mmengine prints its environment, the whole config, the hooks and one paragraph per
parameter, hundreds of lines (open-mmlab/mmdetection#7136). Here they go to the log file alone.
"""

import logging
from pathlib import Path

from mmengine.logging import MMLogger

_SHOWN_MODULES = {'logger_hook', 'checkpoint_hook'}
_OURS = str(Path(__file__).resolve().parents[1])
_NOISE = (
    'will be deprecated',  # mmengine's own use of what it deprecates
    'Exp name',  # repeated before each line of progress
    'Image shapes are different in the batch',  # mmseg's, of tests, which are of one image each
)


def quieten(logger: MMLogger) -> None:
    """Let the console show warnings, our own messages, progress and saved checkpoints alone."""
    # Parts of ours that do without mmengine log by Python's own means.
    logging.getLogger('usfm_mm').handlers = logger.handlers
    for handler in logger.handlers:
        if not isinstance(handler, logging.FileHandler):
            handler.addFilter(worth_showing)


def worth_showing(record: logging.LogRecord) -> bool:
    """Whether a message belongs on the console."""
    ours = record.pathname.startswith(_OURS) or record.module in _SHOWN_MODULES
    message = str(record.msg)
    # What print_log says is attributed to mmengine: the report on a loaded checkpoint is ours.
    loaded = 'esumed' in message or message.startswith('Loaded ')
    wanted = record.levelno >= logging.WARNING or ours or loaded
    return wanted and not any(text in message for text in _NOISE)
