"""matplotlib without files at home: it keeps settings and a list of fonts there."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def nothing_kept_at_home() -> Iterator[None]:
    """Let matplotlib, imported within, keep its files in a folder that goes at the end.

    A folder that ``MPLCONFIGDIR`` names already is left to it.

    Example:
        >>> with nothing_kept_at_home():
        ...     os.path.isdir(os.environ['MPLCONFIGDIR'])
        True
    """
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault('MPLCONFIGDIR', folder)
        yield
