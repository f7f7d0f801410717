"""Which files a path, a folder or a pattern stands for, and how their answers are called."""

import glob
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from usfm_mm.database.readers.kinds import kind_of
from usfm_mm.database.types import RejectedError
from usfm_mm.io.image_file import IMAGE_EXTENSIONS

_EXTENSIONS = (*IMAGE_EXTENSIONS, '.dcm', '.mp4', '.avi', '.mov', '.mpg', '.mpeg', '.mkv', '.wmv')
_VOLUMES = ('.nii', '.nii.gz', '.mha', '.mhd')


@dataclass(frozen=True)
class Listing:
    """Files in the order of their names.

    Attributes:
        files: Those to be read.
        others: Those of a folder that are no pictures, by content and name.
    """

    files: list[Path]
    others: list[Path]


def check_models(paths: Sequence[str]) -> None:
    """See that the files of models are there, before pictures are looked for.

    Raises:
        FileNotFoundError: One is not.
    """
    for path in paths:
        if not Path(path).is_file():
            raise FileNotFoundError(
                f'{path}: no such model. It is a checkpoint of "usfm train" (best_*.pth in its '
                'work dir), or a file of "usfm publish" or "usfm export"'
            )


def list_files(place: str | os.PathLike) -> Listing:
    """Files of a path, a folder or a pattern.

    Of a folder, and among what a pattern finds, those that are pictures by their content or by
    their name; not hidden ones, and not those of folders in a folder, for which a pattern with
    ``**`` asks.

    Raises:
        FileNotFoundError: There is no such file or folder.
        ValueError: A folder or pattern gives no picture.
    """
    path = Path(place)
    if path.is_file():
        return Listing([path], [])
    if path.is_dir():
        found = [Path(entry.path) for entry in os.scandir(path) if entry.is_file()]
        remedy = f'; for those of folders in it: {str(path / "**")!r}'
    elif glob.has_magic(str(place)):
        found = [Path(name) for name in glob.glob(str(place), recursive=True)]
        found = [file for file in found if file.is_file()]
        remedy = ''
    else:
        raise FileNotFoundError(f'image {os.fspath(place)} does not exist')
    found = sorted(file for file in found if not file.name.startswith('.'))
    files = [file for file in found if is_picture(file)]
    if not files:
        raise ValueError(
            f'{os.fspath(place)} holds no images, DICOM files, clips or volumes{remedy}'
        )
    return Listing(files, sorted(set(found) - set(files)))


def list_all(places: Sequence[str | os.PathLike]) -> Listing:
    """Files of several paths, folders and patterns, each once; errors as in :func:`list_files`."""
    listings = [list_files(place) for place in places]
    files = dict.fromkeys(file for listing in listings for file in listing.files)
    others = dict.fromkeys(file for listing in listings for file in listing.others)
    return Listing(list(files), list(others))


def is_picture(path: Path) -> bool:
    """Whether a file is meant to be a picture: a damaged one is, a text is not."""
    if path.name.lower().endswith((*_EXTENSIONS, *_VOLUMES)):
        return True
    try:
        kind_of(path)
    except RejectedError as error:
        return error.reason in ('unreadable', 'encrypted')
    return True


def names_of(files: Sequence[Path]) -> list[str]:
    """Names for what is made of files: their paths below what they share, without the ending.

    The ending stays where two files would have one name.

    Example:
        >>> names_of([Path('scans/a.png'), Path('scans/b.dcm'), Path('scans/b.png')])
        ['a', 'b.dcm', 'b.png']
    """
    whole = [file.absolute() for file in files]
    root = os.path.commonpath([file.parent for file in whole])
    paths = [file.relative_to(root) for file in whole]
    short = [str(path.with_name(_stem(path.name))) for path in paths]
    count = Counter(short)
    return [str(p) if count[s] > 1 else s for p, s in zip(paths, short, strict=True)]


def _stem(name: str) -> str:
    for ending in (*_VOLUMES, *_EXTENSIONS):
        if name.lower().endswith(ending) and len(name) > len(ending):
            return name[: -len(ending)]
    return name
