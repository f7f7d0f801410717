"""What lies beside one's own images and is not taken: counted, or refused."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from usfm_mm.converters.items import ConversionError, is_litter
from usfm_mm.io.image_file import IMAGE_EXTENSIONS

# Pictures nevertheless: who has them among the images means them to be taken.
_OTHER_FORMATS = (
    *('.avif', '.dcm', '.dicom', '.heic', '.jp2', '.mha', '.mhd', '.nii', '.nii.gz'),
    *('.nrrd', '.pbm', '.pgm', '.ppm', '.webp'),
)
_NAMED = 3


def left_out_note(
    source: Path, folders: Sequence[Path], table: Path | None = None
) -> tuple[str, ...]:
    """A sentence on the files of a source that are not taken, or none where all are.

    Args:
        source: Folder of the data set.
        folders: Those in it whose images are taken, if they lie in them directly.
        table: File that is taken too.

    Raises:
        ConversionError: In one of ``folders``, an image lies in a folder within, or has a format
            that is not read.
    """
    taken_of = set(folders)
    left = [path for path in files_below(source) if not _is_taken(path, taken_of)]
    if table is not None:
        left = [path for path in left if path.resolve() != table.resolve()]
    if not left:
        return ()
    left.sort(key=lambda path: not _is_image(path))  # what is missed most is named first
    names = [path.relative_to(source).as_posix() for path in left[:_NAMED]]
    more = ', …' if len(left) > _NAMED else ''
    note = f'Files left out: {len(left)} ({", ".join(names)}{more}).'
    # A name that is not in UTF-8 cannot be printed.
    return (note.encode(errors='backslashreplace').decode(),)


def _is_taken(path: Path, folders: set[Path]) -> bool:
    folder = next((parent for parent in path.parents if parent in folders), None)
    if folder is None:
        return False
    if path.name.lower().endswith(_OTHER_FORMATS):
        raise ConversionError(
            f'{path}: this format is not read, but {", ".join(IMAGE_EXTENSIONS)} are: save it so, '
            f'or move it out of {folder}'
        )
    if _is_image(path) and path.parent != folder:
        raise ConversionError(
            f'{path} lies in a folder within {folder}, of which only the images directly in it '
            'are taken: move it there, or elsewhere'
        )
    return _is_image(path)


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_EXTENSIONS


def files_below(folder: Path) -> Iterator[Path]:
    """All files below a folder in order, without litter."""
    seen = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        if os.path.realpath(parent) in seen:  # a link to a folder above has no end
            folders.clear()
            continue
        seen.add(os.path.realpath(parent))
        folders[:] = sorted(name for name in folders if not is_litter(name))
        yield from (Path(parent, name) for name in sorted(names) if not is_litter(name))
