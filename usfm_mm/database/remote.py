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
_ASKS = re.compile('[?#]')
_SILENCE = 120  # seconds
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
        how = kind._get_kwargs_from_urls(self.url)
        if is_web(self.url):
            how = _patient(fsspec.config.apply_config(kind, how))
        system = kind(**how)
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
        try:
            system, root = self.open()
            alone = None if system.isdir(root) else told(system, root)
        except Exception:  # each store's library has errors of its own
            yield '', None
            return
        if alone is not None:
            yield '', alone
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
                if outside or inner == folder or _leads_elsewhere(self.url, inner):
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


def paths_of(sources: Sequence[Path | Remote]) -> list[Path]:
    """Those of the sources that are on this machine."""
    return [source for source in sources if isinstance(source, Path)]


def is_web(path: str) -> bool:
    """Is it an address of the web, where names are percent-encoded?

    >>> is_web('https://host/a%20b.dcm'), is_web('s3://bucket/a%20b.dcm')
    (True, False)
    """
    return path.startswith(('http://', 'https://'))


def seen_name(path: str, place: str) -> str:
    """What the rules see of a file: on the web the name that it has in its server's folder.

    Args:
        path: Its address.
        place: The end of it that begins with the source's own name.

    >>> seen_name('https://host/export/M%C3%BCller%20Anna/1.dcm', 'export/M%C3%BCller%20Anna/1.dcm')
    'export/Müller Anna/1.dcm'
    """
    return unquote(place) if is_web(path) else place


def split_path(path: str, name: str) -> tuple[Remote, str]:
    """A file's source, and its path from there on.

    Args:
        path: Its address.
        name: What the rules see, from :func:`seen_name`.

    Raises:
        ValueError: It is not this file's.

    >>> split_path('s3://bucket/export/2019/a::b.dcm', 'export/2019/a::b.dcm')
    (Remote(url='s3://bucket/export'), '/2019/a::b.dcm')
    >>> split_path('https://host/a%20b/M%C3%BCller.dcm', 'a b/Müller.dcm')
    (Remote(url='https://host/a%20b'), '/M%C3%BCller.dcm')
    """
    # Of ends that begin after a slash, each is longer than the one before, decoded or not.
    for slash in re.finditer('/', path):
        place = path[slash.end() :]
        if seen_name(path, place) == name:
            inner = place[len(place.partition('/')[0]) :]
            return Remote(path[: len(path) - len(inner)]), inner
    raise ValueError(f'{name} is not the name of {path}')


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


def _leads_elsewhere(url: str, inner: str) -> bool:
    """Does a listed path leave the source, or ask its server for more than a file?

    What stands behind a ``?`` may be a signature, and the order of a page is no file.
    """
    return '..' in seen_name(url, inner).split('/') or (is_web(url) and bool(_ASKS.search(inner)))


def _patient(how: Mapping[str, Any]) -> dict[str, Any]:
    """The user's settings for the web, where a download may take as long as it comes."""
    from aiohttp import ClientTimeout

    # By default aiohttp ends what takes five minutes. A silence ends it where signals, which
    # are faster, do not come: in threads.
    timeout = ClientTimeout(total=None, sock_connect=_SILENCE, sock_read=_SILENCE)
    return {**how, 'client_kwargs': {'timeout': timeout, **how.get('client_kwargs', {})}}


def _told_or_none(system: Any, entry: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return {**entry, **told(system, entry['name'])}
    except Exception:  # reading it will tell why
        return entry


def _line(error: Exception) -> str:
    """An error's first line, without what addresses in it may ask for: it may be signed."""
    line = f'{type(error).__name__}: {error}'.splitlines()[0]
    return re.sub(r'\?\S+', '?…', line)[:200]
