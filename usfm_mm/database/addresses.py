"""What is named on the command line: a path of this machine, or an address in object storage."""

import argparse
import re
from pathlib import Path
from urllib.parse import unquote

from usfm_mm.database.remote import Remote, RemoteError, is_remote


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
    # a secret may hold a slash
    'has a name or password in it': r'(?s)^[^/]*@|^[^/]*:.*@',
    'has ?, # or * in it, or ..': r'[?#*]|(^|/)\.\.(/|$)',
}


def only_local(text: str, what: str) -> Path:
    """A path where no address may stand.

    Raises:
        RemoteError: It is one.
    """
    source = source_of(text)
    if isinstance(source, Remote):
        raise RemoteError(f'{what} must be on this machine, not {source.url}: name a path of it')
    return source


def local_place(args: argparse.Namespace) -> tuple[Path, Path | None, Path | None]:
    """Folder of a database, key file and journal's folder of a command line that names them.

    Raises:
        RemoteError: One is an address.
    """
    key_file, journal = (
        None if text is None else only_local(text, f'what {option} names')
        for text, option in ((args.key_file, '--key-file'), (args.journal, '--journal'))
    )
    return only_local(args.database, 'the database'), key_file, journal


def _without_secrets(text: str) -> str:
    """An address as a message may show it: nothing before an @, no signature."""
    kind, _, rest = text.partition('://')
    return f'{kind}://' + ('…' if '@' in rest else re.split('[?#]', rest)[0])
