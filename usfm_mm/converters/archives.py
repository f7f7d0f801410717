"""Opening a release as a folder, whether it is one or an archive."""

import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from usfm_mm.converters.items import ReleaseError

_TAR = ('.tar', '.tar.gz', '.tgz')


@contextmanager
def opened(source: Path, beside: Path) -> Iterator[Path]:
    """Folder with the content of ``source``; an archive's is removed on leaving.

    Args:
        source: Folder, ``.zip``, ``.tar``, ``.tar.gz`` or ``.tgz``.
        beside: Existing folder that takes the temporary one: the system's may be too small.

    Raises:
        FileNotFoundError: There is no such file.
        ReleaseError: It is no archive, is damaged, or holds a path that leads out of it or a link.
    """
    if source.is_dir():
        yield source
        return
    if not source.exists():
        raise FileNotFoundError(f'{source}: no such file or folder; give the release as downloaded')
    if not source.name.lower().endswith(('.zip', *_TAR)):
        raise ReleaseError(
            f'{source} is neither a folder nor a .zip, .tar, .tar.gz or .tgz: unpack it first'
        )
    with tempfile.TemporaryDirectory(prefix='.unpacked.', dir=beside) as folder:
        try:
            if source.name.lower().endswith('.zip'):
                _unpack_zip(source, Path(folder))
            else:
                _unpack_tar(source, Path(folder))
        except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # a full disk is not a damaged archive
            raise ReleaseError(f'{source} is damaged ({error}): download it again') from error
        yield Path(folder)


def _unpack_zip(source: Path, folder: Path) -> None:
    with zipfile.ZipFile(source) as archive:
        for name in archive.namelist():
            _check(source, name)
        archive.extractall(folder)


def _unpack_tar(source: Path, folder: Path) -> None:
    with tarfile.open(source) as archive:
        members = archive.getmembers()
        for member in members:
            _check(source, member.name)
            if not (member.isfile() or member.isdir()):
                raise ReleaseError(
                    f'{source} holds {member.name!r}, which is neither a file nor a folder but '
                    'for instance a link: unpack it by hand where you trust it'
                )
        for member in members:
            member.mode = 0o755 if member.isdir() else 0o644
            archive.extract(member, folder, set_attrs=False)


def _check(source: Path, name: str) -> None:
    path = PurePosixPath(name.replace('\\', '/'))
    if path.is_absolute() or '..' in path.parts or ':' in path.parts[:1]:
        raise ReleaseError(
            f'{source} holds {name!r}, which would be written outside of its folder: do not '
            'unpack this archive, download it from the page of the data set'
        )
