"""The files of the sources, one after the other: no list of them is ever held."""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from usfm_mm.database.remote import Remote, paths_of, seen_name, version
from usfm_mm.database.types import VANISHED

# Files of one chunk, the unit of work: what a killed run does again, at most, on each core.
CHUNK_FILES = 32
CHUNK_BYTES = 64 << 20

UNREADABLE_FOLDER = 'unreadable folder'
# Not followed: it may lead in circles, or out of the source.
LINKED_FOLDER = 'linked folder'
NOT_A_FILE = 'not a regular file'


class SourceError(ValueError):
    """Sources that cannot be used together, or not at all."""


@dataclass(frozen=True)
class SourceFile:
    """A file, or a place where there is none to be read.

    Attributes:
        path: Absolute path, or address in object storage. PRIVATE, as ``name`` is.
        name: What the rules see: the path from the source on, which is its first part, with
            forward slashes.
        stamp: Size and time of the last change; a file with another stamp is read again.
        size: Bytes.
        target: Absolute path that symbolic links lead to; '' where there are none.
        reason: Why it cannot be read, if that shows without opening it; '' otherwise.
    """

    path: str
    name: str
    stamp: str
    size: int
    reason: str = ''
    target: str = ''


def check_sources(sources: Sequence[Path | Remote], out: Path) -> None:
    """Refuse sources that are missing, lie in each other, or overlap with what is written.

    Raises:
        SourceError: They are, or do.
        RemoteError: One in object storage cannot be reached.
    """
    seen: list[Path] = []
    urls: list[str] = []
    for remote in (source for source in sources if isinstance(source, Remote)):
        for url in urls:
            if f'{url}/'.startswith(f'{remote.url}/') or f'{remote.url}/'.startswith(f'{url}/'):
                raise SourceError(f'{remote.url} and {url} share files: name one of them only')
        remote.check()
        urls.append(remote.url)
    for source in paths_of(sources):
        if not source.exists():
            raise SourceError(f'there is no {source}: check the path')
        real = source.resolve()
        for other in seen:
            if real == other or real in other.parents or other in real.parents:
                raise SourceError(f'{source} and {other} share files: name one of them only')
        target = out.resolve()
        if real == target or real in target.parents or target in real.parents:
            raise SourceError(f'{out}, which is written, and the source {source} must lie apart')
        seen.append(real)


def walk(sources: Iterable[Path | Remote]) -> Iterator[SourceFile]:
    """Every file below the sources, in no order, symbolic links to folders not followed.

    A folder that cannot be read is one item, with the reason.
    """
    for source in sources:
        if isinstance(source, Remote):
            yield from _walk_remote(source)
            continue
        root = os.path.abspath(source)
        name = os.path.basename(root)
        real = os.path.realpath(root)
        if not os.path.isdir(root):
            yield _source_file(root, name, real if real != root else '')
            continue
        pending = [(root, name)]
        while pending:
            folder, prefix = pending.pop()
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        inner = f'{prefix}/{entry.name}'
                        try:
                            own, linked = entry.is_dir(follow_symlinks=False), entry.is_dir()
                        except OSError:  # a link in a loop, or into a closed folder
                            own = linked = False
                        if own:
                            pending.append((entry.path, inner))
                        elif linked:
                            yield SourceFile(entry.path, inner, '', 0, LINKED_FOLDER)
                        else:
                            target = ''
                            if entry.is_symlink():
                                target = os.path.realpath(entry.path)
                            elif real != root:
                                target = real + entry.path[len(root) :]
                            yield _source_file(entry.path, inner, target)
            except OSError:
                yield SourceFile(folder, prefix, '', 0, UNREADABLE_FOLDER)


def in_chunks(files: Iterable[SourceFile]) -> Iterator[list[SourceFile]]:
    """Group files so that a chunk has at most 32 of them and few large ones."""
    chunk: list[SourceFile] = []
    size = 0
    for file in files:
        chunk.append(file)
        size += file.size
        if len(chunk) == CHUNK_FILES or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _walk_remote(source: Remote) -> Iterator[SourceFile]:
    for inner, info in source.entries():
        path = source.url + inner
        name = seen_name(path, source.name + inner)
        if info is None:
            yield SourceFile(path, name, '', 0, UNREADABLE_FOLDER)
            continue
        reason = '' if info['type'] == 'file' else NOT_A_FILE
        stamp = f'{info["size"]}:{version(info)}'
        yield SourceFile(path, name, stamp, info['size'] or 0, reason)


def _source_file(path: str, name: str, target: str) -> SourceFile:
    try:
        status = os.stat(path)
    except OSError:
        return SourceFile(path, name, '', 0, 'unreadable' if os.path.lexists(path) else VANISHED)
    # Opening a pipe would wait for ever.
    reason = '' if stat.S_ISREG(status.st_mode) else NOT_A_FILE
    stamp = f'{status.st_size}:{status.st_mtime_ns}'
    return SourceFile(path, name, stamp, status.st_size, reason, target)
