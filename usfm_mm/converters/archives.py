"""Opening a download as a folder, whether it is one or an archive."""

import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from usfm_mm.converters.items import ConversionError


@contextmanager
def opened(source: Path, beside: Path) -> Iterator[Path]:
    """Folder with the content of ``source``; an archive's is removed on leaving.

    Args:
        source: Folder, ``.zip``, ``.tar``, ``.tar.gz`` or ``.tgz``.
        beside: Existing folder that takes the temporary one: the system's may be too small.

    Raises:
        FileNotFoundError: There is no such file.
        ConversionError: It is no archive, is damaged, or holds what leads out of it.
    """
    if source.is_dir():
        yield source
        return
    if not source.exists():
        raise FileNotFoundError(f'{source}: no such file or folder; give the release as downloaded')
    if not source.name.lower().endswith(('.zip', '.tar', '.tar.gz', '.tgz')):
        raise ConversionError(
            f'{source} is neither a folder nor a .zip, .tar, .tar.gz or .tgz: unpack it first'
        )
    with tempfile.TemporaryDirectory(prefix='.unpacked.', dir=beside) as folder:
        try:
            if source.name.lower().endswith('.zip'):
                with zipfile.ZipFile(source) as archive:
                    _check_names(source, archive.namelist())
                    archive.extractall(folder)
            else:
                with tarfile.open(source) as archive:
                    _check_names(source, archive.getnames())
                    archive.extractall(folder, filter='data')
        except tarfile.FilterError as error:
            raise ConversionError(
                f'{source} holds a link or device that is not safe ({error}): unpack it by hand '
                'where you trust it'
            ) from error
        except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # a full disk is not a damaged archive
            raise ConversionError(f'{source} is damaged ({error}): download it again') from error
        yield Path(folder)


def _check_names(source: Path, names: list[str]) -> None:
    """Refuse names that lead out; both libraries would put such files somewhere else instead."""
    for name in names:
        path = PurePosixPath(name.replace('\\', '/'))
        if path.is_absolute() or '..' in path.parts or ':' in path.parts[:1]:
            raise ConversionError(
                f'{source} holds {name!r}, which would be written outside of its folder: do not '
                'unpack this archive, download it from the page of the data set'
            )
