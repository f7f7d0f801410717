"""What reaches the console."""

import logging

import pytest

from usfm_mm.compat import quiet_console

HOST, OURS = '/site-packages/mmengine/logging/logger.py', quiet_console.__file__


@pytest.mark.parametrize(
    ('shown', 'level', 'path', 'message'),
    [
        (True, logging.WARNING, HOST, 'careful'),
        (True, logging.INFO, OURS, 'our own words'),
        (True, logging.INFO, '/mmengine/hooks/logger_hook.py', 'Epoch(train) [1][1/2]'),
        (True, logging.INFO, '/mmengine/hooks/checkpoint_hook.py', 'Saving checkpoint at 1 epochs'),
        (True, logging.INFO, HOST, 'resumed epoch: 1, iter: 3'),
        (True, logging.INFO, HOST, 'Loaded USFM_latest.pth\n  layout   usfm'),
        (False, logging.INFO, HOST, 'backbone.cls_token - torch.Size([1, 1, 192])'),
        (False, logging.INFO, '/mmengine/runner/runner.py', 'System environment: ...'),
        (False, logging.INFO, '/mmengine/hooks/logger_hook.py', 'Exp name: demo'),
        (False, logging.WARNING, HOST, '"FileClient" will be deprecated in future.'),
    ],
)
def test_worth_showing(shown, level, path, message):
    record = logging.LogRecord('mmengine', level, path, 1, message, None, None)
    assert quiet_console.worth_showing(record) is shown
