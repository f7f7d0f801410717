"""A folder of its own for each file that is dropped.

Gradio calls the folder by what the file holds: two visitors who drop the same file would share it,
and the first answer would take it away from the second.
"""

import secrets
from importlib import import_module
from typing import Any


def keep_uploads_apart() -> None:
    """Have Gradio call each folder by chance as well; after its import, once or more often.

    Raises:
        AttributeError: This Gradio receives files in another way.
    """
    routes: Any = import_module('gradio.route_utils')
    kind: Any = routes.GradioUploadFile

    class Unlike(kind):
        """A file whose name no other has, whatever they hold."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.sha.update(secrets.token_bytes(16))

    routes.GradioUploadFile = Unlike
