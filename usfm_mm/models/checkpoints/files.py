"""Checkpoint files read without running any code that is in them."""

import hashlib
import io
import json
import os
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import safetensors.torch
import torch
from torch import serialization

from usfm_mm.io.atomic import write_atomic
from usfm_mm.io.card import CARD_KEY

_AGAIN = 'save its state_dict with the code that it was made with, and load that'


class CheckpointError(ValueError):
    """A checkpoint that cannot be read, recognised or fitted to the model."""


class _IgnoredObject:
    """Stands for a foreign object in a file, such as a NumPy scalar in mmengine's log."""

    def __init__(self, *args: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


class _IgnoredMapping:
    """Stands for a foreign class with attributes or items, such as SimMIM's configuration, a model.

    ``torch.load`` fills only an exact ``OrderedDict``, hence no instance of this class.
    """

    def __new__(cls, *args: Any) -> Any:
        return OrderedDict()


def load_file(source: str | os.PathLike) -> Any:
    """Read a file of ``torch.save`` or safetensors to the CPU; no code in it is run.

    Training checkpoints often hold more than tensors: mmengine's log buffers, SimMIM's ``config``,
    BEiT's ``args``. Nothing of theirs is imported or run: from torch 2.6 on they are read as empty
    placeholders, and a model that was pickled whole as one that holds its weights.

    Args:
        source: Path, or http(s) address; a download is kept in ``torch.hub``'s folder.

    Returns:
        What was saved, mostly a dict; of a published file, its weights under ``state_dict`` and its
        card under ``meta``, as in a checkpoint of a run.

    Raises:
        FileNotFoundError: If there is no such file.
        CheckpointError: If the file is no checkpoint, is cut off, or holds foreign objects that
            this torch cannot leave out.
    """
    path = _download(str(source)) if _is_url(source) else Path(source)
    if not path.is_file():
        raise FileNotFoundError(
            f'{path}: no such checkpoint. Those of a run lie in its work dir (work_dirs/CONFIG)'
        )
    if path.suffix in ('.onnx', '.pt2'):
        raise CheckpointError(
            f'{path} is an exported model, for "usfm predict" and load_model: name the checkpoint '
            'that it was made of'
        )
    try:
        if _is_safetensors(path):
            return _load_safetensors(path)
        with serialization.safe_globals(_placeholders(path)) if _can_ignore() else nullcontext():
            return torch.load(path, map_location='cpu', weights_only=True)
    except CheckpointError:
        raise
    except Exception as error:  # torch.load raises five kinds, with advice to load unsafely
        raise CheckpointError(f'{path} {_reason(path, str(error))}') from error


def stored_half(source: str | os.PathLike) -> bool:
    """Whether a safetensors file holds weights as float16, which loading makes float32."""
    path = Path(source)
    if not path.is_file() or not _is_safetensors(path):
        return False
    with safetensors.safe_open(path, 'pt') as file:
        return any(file.get_slice(name).get_dtype() == 'F16' for name in file.keys())  # noqa: SIM118


def _load_safetensors(path: Path) -> dict[str, Any]:
    weights = safetensors.torch.load_file(path)
    with safetensors.safe_open(path, 'pt') as file:
        card = (file.metadata() or {}).get(CARD_KEY)
    if card is None:
        return weights
    weights = {key: v.float() if v.dtype == torch.float16 else v for key, v in weights.items()}
    return dict(meta={CARD_KEY: json.loads(card)}, state_dict=weights)


def save_file(content: Any, path: str | os.PathLike) -> None:
    """``torch.save`` that leaves either the whole file or what was there before.

    Args:
        content: What to save.
        path: File to write; its folder is made where needed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_atomic(path, buffer.getvalue())


def _reason(path: Path, error: str) -> str:
    """Why ``torch.load`` did not read a file, and the remedy."""
    foreign = 'Unsupported' in error and ('global' in error or 'class' in error)
    if foreign and not _can_ignore():
        return (
            f'holds Python objects besides tensors, which torch {torch.__version__} cannot leave '
            'out: convert it once with torch >= 2.6 '
            '(usfm convert SRC DST --to usfm_mm) and load the result'
        )
    if foreign:
        return (
            'holds Python objects besides tensors in the format before torch 1.6, where they '
            f'cannot be left out: {_AGAIN}'
        )
    first = (error.splitlines() or [''])[0][:120]  # what follows advises to load unsafely
    told = '' if first.startswith('Weights only') else f' ({first})'
    return (
        f'({path.stat().st_size} bytes) cannot be read as a PyTorch checkpoint: it is cut off, '
        f'damaged or something else. Download or copy it again{told}'
    )


def _can_ignore() -> bool:
    return hasattr(serialization, 'get_unsafe_globals_in_checkpoint')  # torch >= 2.6


def _placeholders(path: Path) -> list[Callable | tuple[Callable, str]]:
    """Placeholder for every class or function named in the file that torch does not trust."""
    try:
        names = serialization.get_unsafe_globals_in_checkpoint(str(path))
    except ValueError:  # the format before torch 1.6, which can't be looked through
        return []
    return [(_IgnoredObject if n.startswith('numpy') else _IgnoredMapping, n) for n in names]


def _is_safetensors(path: Path) -> bool:
    """Whether a file is one of safetensors; what is clearly no checkpoint at all is refused."""
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
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any(name.endswith('/constants.pkl') for name in archive.namelist()):
                raise CheckpointError(f'{path} is a TorchScript program: {_AGAIN}')
    return head[8:10] == b'{"'  # after the length of a header in JSON


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
