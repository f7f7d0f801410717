"""Memory is not searched for cycles while thousands of modules are imported."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collecting_later() -> Iterator[None]:
    """Pause Python's collector, which otherwise takes a fifth of the time in which hosts load.

    Example:
        >>> with collecting_later():
        ...     print(gc.isenabled())
        False
        >>> gc.isenabled()
        True
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
