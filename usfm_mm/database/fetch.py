"""A file of object storage as a file of this machine, for as long as it is read.

The copy lies in a folder that its owner alone may look into, below the system's temporary one. The
folder is locked by the process that reads it; the lock goes with the process, however it ends, and
whoever comes next removes what is not locked.
"""

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote

from usfm_mm.database.readers.kinds import kind_of
from usfm_mm.database.readers.limits import MAX_BYTES, check_bytes, stopped_after
from usfm_mm.database.remote import Remote, is_remote, is_web, split_path, told, version
from usfm_mm.database.store import OutputError
from usfm_mm.database.types import CHANGED, TOO_LARGE, VANISHED, RejectedError

MAX_FETCHED = 4_000_000_000
"""Bytes of a file that is fetched."""

# The kind of a file shows in its head: what is no picture is not fetched whole.
_HEAD = 1 << 16
_BLOCK = 8 << 20
# Seconds on the clock in which a block or an answer must come.
_PATIENCE = 60.0
# What these open takes no word about caches.
_OWN_BUFFERS = ('smb', 'dbfs')


class FetchError(Exception):
    """A file that could not be fetched; `reason` and `detail` as a file's record has them."""

    def __init__(self, reason: str, detail: str = '') -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


@contextmanager
def at_hand(path: str, name: str) -> Iterator[Path]:
    """Give the file itself, or a private copy of one in object storage.

    Args:
        path: Absolute path, or address.
        name: What the rules see.

    Raises:
        FetchError: It cannot be fetched, or was replaced meanwhile.
        RejectedError: It is of no kind that is read, or too large.
        OutputError: There is no room for the copy.
    """
    if not is_remote(path):
        yield Path(path)
        return
    source, inner = split_path(path, name)
    with _private_folder() as folder:
        copy = folder / _safe_name(name.rpartition('/')[2])
        with _reasons():
            with _patience():  # some connect at once
                system, root = source.open()
            place = root + inner
            how = _how(source)
            _fetch(system, place, copy, _kind, how)
            for beside in _named_beside(copy):
                there = quote(beside) if is_web(path) else beside
                with suppress(FileNotFoundError):  # its reader tells
                    other = f'{place.rpartition("/")[0]}/{there}'
                    _fetch(system, other, folder / beside, _voxels, how)
        yield copy


def remove_left_copies() -> None:
    """Remove the copies of this user's processes that were killed."""
    parent = _parent()
    with _locked(parent):
        _remove_unlocked(parent)


def _patience() -> AbstractContextManager[None]:
    return stopped_after(_PATIENCE, clock=True)


def _how(source: Remote) -> dict[str, Any]:
    """How a file is opened, so that no more is fetched than is read."""
    if is_web(source.url):  # as a stream: not every server gives parts
        return {'block_size': 0}
    if source.url.partition('://')[0] in _OWN_BUFFERS:
        return {}
    return {'block_size': _HEAD, 'cache_type': 'none'}


def _fetch(
    system: Any,
    place: str,
    copy: Path,
    check: Callable[[Path, int], None],
    how: Mapping[str, Any],
) -> None:
    """Copy an object whole; ``check`` looks at its first bytes and at its size."""
    with _patience():
        before = told(system, place)
    size = before['size']
    limit = MAX_BYTES if size is None else MAX_FETCHED
    if (size or 0) > limit:
        raise RejectedError(TOO_LARGE, f'{size / 1e6:,.0f} MB in object storage')
    count, checked = 0, False
    with _patience():
        opened = system.open(place, 'rb', **how)
    with opened as remote:
        while True:
            with _patience():
                block = remote.read(_BLOCK if checked else _HEAD - count)
            _append(copy, block)
            count += len(block)
            if not checked and (count == _HEAD or not block):
                check(copy, size or 0)
                checked = True
            if not block:
                break
            if size is None and count > limit:
                raise RejectedError(TOO_LARGE, f'more than {limit / 1e6:,.0f} MB, without an end')
            if size is not None and count > size:
                raise FetchError(CHANGED)
    with _patience():
        after = told(system, place)
    if version(before) != version(after) or size not in (None, count):
        raise FetchError(CHANGED)


def _append(copy: Path, block: bytes) -> None:
    try:
        with copy.open('ab') as file:
            file.write(block)
    except OSError as error:
        raise OutputError(f'{copy.parent.parent}: {error.strerror or error}') from error


def _kind(copy: Path, size: int) -> None:
    if kind_of(copy) == 'image':
        check_bytes(size, 'an image file')


def _voxels(_: Path, size: int) -> None:
    check_bytes(size, 'a volume')


@contextmanager
def _reasons() -> Iterator[None]:
    """Errors of the stores' libraries as reasons."""
    try:
        yield
    except (FetchError, RejectedError, OutputError, ImportError, MemoryError):
        raise
    except FileNotFoundError:
        raise FetchError(VANISHED) from None
    except Exception as error:  # each store's library has its own; their text may name the object
        raise FetchError('unreadable', f'object storage: {type(error).__name__}') from None


def _named_beside(copy: Path) -> list[str]:
    """Files whose voxels a header that was fetched may stand for."""
    module = {'metaimage': 'volume', 'nifti': 'nifti'}.get(kind_of(copy))
    if module is None:
        return []
    reader = import_module(f'usfm_mm.database.readers.{module}')
    names = (name for name in reader.files_named(copy) if name.upper() != 'LOCAL')
    return [name for name in names if name == _safe_name(name) and name != copy.name]


def _safe_name(name: str) -> str:
    """The name itself, unless no file can have it: objects may be called as they like."""
    fits = 0 < len(os.fsencode(name)) < 256 and '\0' not in name and '/' not in name
    return name if fits and name not in ('.', '..') else 'file'


@contextmanager
def _private_folder() -> Iterator[Path]:
    parent = _parent()
    with _locked(parent):
        _remove_unlocked(parent)
        folder = Path(tempfile.mkdtemp(dir=parent))
        handle = os.open(folder, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def _parent() -> Path:
    """A folder of this user's own for all copies.

    Raises:
        OutputError: Another user made it first, or may look into it.
    """
    parent = Path(tempfile.gettempdir()) / f'usfm-sources-{os.getuid()}'
    try:
        parent.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise OutputError(f'{parent}: {error.strerror or error}') from error
    status = parent.lstat()
    own = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
    if not own or status.st_mode & 0o077:
        raise OutputError(
            f'others may look into {parent}, where copies of sources would lie: remove it, or set '
            'TMPDIR to a folder of your own'
        )
    return parent


@contextmanager
def _locked(parent: Path) -> Iterator[None]:
    """Alone among those who make or remove copies."""
    handle = os.open(parent, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _remove_unlocked(parent: Path) -> None:
    for folder in parent.iterdir():
        handle = None
        try:
            handle = os.open(folder, os.O_RDONLY)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # it is being read, or has just gone
            continue
        finally:
            if handle is not None:
                os.close(handle)
