"""Opening a file of any kind as a clip; each kind's library is imported when first needed."""

from importlib import import_module
from pathlib import Path

from usfm_mm.database.readers.clip import Clip
from usfm_mm.database.readers.kinds import kind_of
from usfm_mm.database.types import Options

_READERS = {
    'dicom': ('dicom', 'open_dicom'),
    'image': ('image', 'open_image'),
    'video': ('video', 'open_video'),
    'nifti': ('volume', 'open_volume'),
    'metaimage': ('volume', 'open_volume'),
}


def open_clip(path: str | Path, options: Options) -> Clip:
    """Open a file as a clip, whatever its name.

    Raises:
        RejectedError: It gives nothing.
    """
    module, function = _READERS[kind_of(path)]
    reader = import_module(f'usfm_mm.database.readers.{module}')
    return getattr(reader, function)(Path(path), options)
