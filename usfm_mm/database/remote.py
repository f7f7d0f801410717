"""Sources in object storage, by fsspec: ``s3://``, ``gs://``, ``abfs://``, ``https://`` and others.

A source is opened by its own address, and what is below it by its place there: the name of an
object, which somebody else chose, is never taken for an address.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

_ADDRESS = re.compile(r'[A-Za-z][A-Za-z0-9+.-]*://')
# What stores tell of an object that is another one when it was replaced.
_VERSION = (
    *('ETag', 'etag', 'generation', 'md5Hash', 'checksum', 'Content-MD5', 'sha'),
    *('Last-Modified', 'LastModified', 'last_modified', 'updated', 'mtime', 'modify'),
    *('modificationTime', 'modified', 'created'),
)
_DEEPEST = 100  # folders in folders: a listing may have no end


class RemoteError(ValueError):
    """A source in object storage that cannot be used."""


@dataclass(frozen=True)
class Remote:
    """A folder or file in object storage.

    Attributes:
        url: Its address, without a slash at the end.
    """

    url: str

    @property
    def name(self) -> str:
        """What the rules see first: the address's last part.

        >>> Remote('s3://bucket/export').name, Remote('gs://bucket').name
        ('export', 'bucket')
        """
        return self.url.rpartition('/')[2]

    def open(self) -> tuple[Any, str]:
        """The file system, and the source's place in it.

        Raises:
            ValueError: There is no such kind of address.
            ImportError: The package that reads it is missing.
        """
        import fsspec

        kind = fsspec.get_filesystem_class(self.url.partition('://')[0])
        system = kind(**kind._get_kwargs_from_urls(self.url))
        return system, kind._strip_protocol(self.url).rstrip('/')

    def check(self) -> None:
        """See that it can be reached.

        Raises:
            RemoteError: It cannot; the message tells why.
        """
        try:
            system, place = self.open()
            system.info(place)
        except FileNotFoundError:
            raise RemoteError(
                f'there is no {self.url}, or it cannot be reached: check the address and '
                'the network'
            ) from None
        except (ImportError, ValueError) as error:  # fsspec names the package, or all it knows
            raise RemoteError(
                f"{self.url} cannot be opened ({_line(error)}): pip install 'usfm_mm[storage]', "
                'and the package of the store: s3fs, gcsfs, adlfs'
            ) from error
        # Each store's library has errors of its own.
        except Exception as error:
            raise RemoteError(
                f'{self.url} cannot be read ({_line(error)}): check the address, the network and '
                "the store's own settings for your credentials"
            ) from error

    def entries(self) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
        """What lies below it, by its path from here on, with what the store tells of it.

        None is told of a folder that cannot be read. One listing is in memory at a time.
        """
        system, root = self.open()
        if not system.isdir(root):
            yield '', told(system, root)
            return
        pending = ['']
        while pending:
            folder = pending.pop()
            try:
                if folder.count('/') > _DEEPEST:
                    raise RecursionError
                listing = system.ls(root + folder, detail=True)
            except Exception:  # each store's library has errors of its own
                yield folder, None
                continue
            finally:
                system.invalidate_cache()  # it would keep all of them, and old ones
            for entry in listing:
                inner = entry['name'].rstrip('/')[len(root) :]
                # Some list the folder itself; a page on the web may link to anything.
                outside = not entry['name'].startswith(f'{root}{folder}/')
                if outside or inner == folder or '..' in inner.split('/'):
                    continue
                if entry['type'] == 'directory':
                    pending.append(inner)
                elif entry['size'] is not None and version(entry):
                    yield inner, entry
                else:  # pages on the web list names alone
                    yield inner, _told_or_none(system, entry)


def is_remote(path: str) -> bool:
    """Is it an address, and no path of this machine?

    >>> is_remote('s3://bucket/a.dcm'), is_remote('/data/a.dcm')
    (True, False)
    """
    return _ADDRESS.match(path) is not None


def source_of(text: str) -> Path | Remote:
    """A source as it is named on the command line: a path, or an address.

    Raises:
        RemoteError: The address is none that a journal may keep, or reads through another one.

    >>> source_of('S3://bucket/export/'), source_of('file:///data/a%20b').as_posix()
    (Remote(url='s3://bucket/export'), '/data/a b')
    """
    if not is_remote(text):
        return Path(text)
    kind, _, rest = text.partition('://')
    kind, rest = kind.lower(), rest.rstrip('/')
    if kind in ('file', 'local'):
        return Path(unquote(text.partition('://')[2]))
    fault = next((fault for fault, pattern in _FAULTS.items() if re.search(pattern, rest)), '')
    if 'cache' in kind:
        fault = 'keeps copies of what it reads'
    if fault:
        raise RemoteError(
            f'the address of the source {_without_secrets(text)} {fault}: name a folder or file as '
            "s3://bucket/folder, and give credentials in the store's own settings"
        )
    return Remote(f'{kind}://{rest}')


_FAULTS = {
    'names no folder': r'^/*$',
    'leads through another one (::)': '::',
    'has a name or password in it': r'^[^/]*@',
    'has ?, # or * in it, or ..': r'[?#*]|(^|/)\.\.(/|$)',
}


def only_local(text: str, what: str) -> Path:
    """A path where no address may stand.

    Raises:
        RemoteError: It is one.
    """
    source = source_of(text)
    if isinstance(source, Remote):
        raise RemoteError(f'{what} must be on this machine, not {source.url}: name a folder')
    return source


def paths_of(sources: Sequence[Path | Remote]) -> list[Path]:
    """Those of the sources that are on this machine."""
    return [source for source in sources if isinstance(source, Path)]


def split_path(path: str, name: str) -> tuple[Remote, str]:
    """A file's source, and its path from there on.

    Args:
        path: Its address.
        name: What the rules see: it begins with the source's own name.

    >>> split_path('s3://bucket/export/2019/a::b.dcm', 'export/2019/a::b.dcm')
    (Remote(url='s3://bucket/export'), '/2019/a::b.dcm')
    """
    inner = name[len(name.partition('/')[0]) :]
    return Remote(path[: len(path) - len(inner)]), inner


def is_gone(path: str, name: str) -> bool:
    """Is a file not there any more, or cannot be reached?"""
    if not is_remote(path):
        return not os.path.lexists(path)
    source, inner = split_path(path, name)
    try:
        system, place = source.open()
        return not system.exists(place + inner)
    except Exception:  # each store's library has errors of its own
        return True


def told(system: Any, place: str) -> Mapping[str, Any]:
    """What the store tells of an object now; errors are those of its library."""
    system.invalidate_cache()
    return system.info(place)


def version(info: Mapping[str, Any]) -> str:
    """Text that changes when the object does, as far as the store tells; '' if it does not.

    >>> version({'size': 3, 'ETag': '"5d41"', 'type': 'file'})
    '"5d41"'
    """
    return ':'.join(str(info[key]) for key in _VERSION if info.get(key) is not None)


def _told_or_none(system: Any, entry: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return {**entry, **told(system, entry['name'])}
    except Exception:  # reading it will tell why
        return entry


def _line(error: Exception) -> str:
    return f'{type(error).__name__}: {error}'.splitlines()[0][:200]


def _without_secrets(text: str) -> str:
    """An address as a message may show it."""
    kind, _, rest = text.partition('://')
    return f'{kind}://{re.sub(r"^[^/]*@", "…@", rest).partition("?")[0]}'
