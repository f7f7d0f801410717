"""Gradio, kept from talking to anybody.

Its analytics, its look for newer versions and the Hugging Face hub are switched off by the
environment, which must stand before the import.
"""

import os

for _name, _value in (
    ('GRADIO_ANALYTICS_ENABLED', 'False'),
    ('GRADIO_RUN_HISTORY', 'False'),
    ('GRADIO_SHARE', 'False'),
    ('GRADIO_SSR_MODE', 'False'),  # it would start Node
    ('GRADIO_MCP_SERVER', 'False'),
    ('HF_HUB_OFFLINE', '1'),
    ('HF_HUB_DISABLE_TELEMETRY', '1'),
    ('DO_NOT_TRACK', '1'),
):
    os.environ[_name] = _value

from usfm_mm.io.optional import optional_import  # noqa: E402

gradio = optional_import('gradio', 'the page', 'usfm-mm[page]')
