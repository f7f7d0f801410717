"""Packages that only some parts need."""

from importlib import import_module
from types import ModuleType


def optional_import(module: str, purpose: str, install: str) -> ModuleType:
    """Import a module, or say what needs it and how to get it.

    Args:
        module: Dotted name, such as ``'skimage.metrics'``.
        purpose: What needs it, the subject of the message.
        install: What ``pip install`` takes: an extra such as ``'usfm-mm[enhance]'`` or a package.

    Raises:
        ModuleNotFoundError: The package is not installed; other errors of its import pass through.

    Example:
        >>> optional_import('math', 'counting', 'python').floor(1.5)
        1
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition('.')[0]
        if (error.name or '').partition('.')[0] != package:
            raise
        raise ModuleNotFoundError(
            f'{purpose} needs the package {package}: pip install {install!r}', name=package
        ) from error
