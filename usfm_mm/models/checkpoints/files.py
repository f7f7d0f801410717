"""Checkpoint files read without running any code that is in them."""

import hashlib
import os
import tempfile
from collections import OrderedDict
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from torch import serialization


class CheckpointError(ValueError):
    """A checkpoint that cannot be read, recognised or fitted to the model."""


class _IgnoredObject:
    """Stands for a foreign object in a file, such as a NumPy scalar in mmengine's log."""

    def __init__(self, *args: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


class _IgnoredMapping:
    """Stands for a foreign class with attributes or items, such as SimMIM's configuration.

    ``torch.load`` fills only an exact ``OrderedDict``, hence no instance of this class.
    """

    def __new__(cls, *args: Any) -> Any:
        return OrderedDict()


def load_file(source: str | os.PathLike) -> Any:
    """Read a file of ``torch.save`` to the CPU with ``weights_only=True``.

    Training checkpoints often hold more than tensors: mmengine's log buffers, SimMIM's ``config``,
    BEiT's ``args``. Nothing of theirs is imported or run: from torch 2.6 on they are read as empty
    placeholders.

    Args:
        source: Path, or http(s) address; a download is kept in ``torch.hub``'s folder.

    Returns:
        What was saved, mostly a dict.

    Raises:
        FileNotFoundError: If there is no such file.
        CheckpointError: If the file is no checkpoint, is cut off, or holds foreign objects that
            this torch cannot leave out.
    """
    path = _download(str(source)) if _is_url(source) else Path(source)
    if not path.is_file():
        raise FileNotFoundError(f'checkpoint {path} does not exist or is not a file')
    _check_head(path)
    try:
        with serialization.safe_globals(_placeholders(path)) if _can_ignore() else nullcontext():
            return torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # torch.load raises five kinds, with advice to load unsafely
        if 'Unsupported' in str(error) and ('global' in str(error) or 'class' in str(error)):
            raise CheckpointError(
                f'{path} holds Python objects besides tensors, which torch {torch.__version__} '
                'cannot leave out: convert it once with torch >= 2.6 '
                '(tools/convert_checkpoint.py SRC DST --to usfm_mm) and load the result'
            ) from error
        raise CheckpointError(
            f'{path} ({path.stat().st_size} bytes) cannot be read as a PyTorch checkpoint: it is '
            f'cut off, damaged or something else. Download or copy it again ({error})'
        ) from error


def save_file(content: Any, path: str | os.PathLike) -> None:
    """``torch.save`` that leaves either the whole file or what was there before.

    Args:
        content: What to save.
        path: File to write; its folder is made where needed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix='.tmp')
    try:
        with os.fdopen(handle, 'wb') as file:
            torch.save(content, file)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # mkstemp's files are the owner's alone
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _can_ignore() -> bool:
    return hasattr(serialization, 'get_unsafe_globals_in_checkpoint')  # torch >= 2.6


def _placeholders(path: Path) -> list[Callable | tuple[Callable, str]]:
    """Placeholder for every class or function named in the file that torch does not trust."""
    try:
        names = serialization.get_unsafe_globals_in_checkpoint(str(path))
    except ValueError:  # the format before torch 1.6, which can't be looked through
        return []
    return [(_IgnoredObject if n.startswith('numpy') else _IgnoredMapping, n) for n in names]


def _check_head(path: Path) -> None:
    with open(path, 'rb') as file:
        head = file.read(64)
    if not head:
        raise CheckpointError(f'{path} is empty: download or copy it again')
    if head.startswith(b'version https://git-lfs'):
        raise CheckpointError(f'{path} is a Git LFS pointer, not the file: run `git lfs pull`')
    if head.lstrip()[:9].lower().startswith((b'<!doctype', b'<html')):
        raise CheckpointError(
            f'{path} is a web page, not a checkpoint: the address led to a download page'
        )


def _is_url(source: str | os.PathLike) -> bool:
    return str(source).startswith(('http://', 'https://'))


def _download(url: str) -> Path:
    # Named by the whole address: many checkpoints are called checkpoint.pth.
    key = hashlib.sha256(url.encode()).hexdigest()[:12]
    folder = Path(torch.hub.get_dir()) / 'checkpoints'
    path = folder / f'{key}-{Path(urlparse(url).path).name}'
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(url, str(path), progress=False)
        except OSError as error:
            raise CheckpointError(f'cannot download checkpoint {url}: {error}') from error
    return path
