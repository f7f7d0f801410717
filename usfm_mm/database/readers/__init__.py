"""Opening a file of any kind as a clip; each kind's library is imported when first needed."""

from importlib import import_module
from pathlib import Path

from usfm_mm.database.readers.clip import Clip, quiet
from usfm_mm.database.readers.kinds import kind_of
from usfm_mm.database.readers.limits import bounded, check_bytes
from usfm_mm.database.types import Options

_READERS = {
    'dicom': ('dicom', 'open_dicom'),
    'image': ('image', 'open_image'),
    'video': ('video', 'open_video'),
    'nifti': ('nifti', 'open_nifti'),
    'metaimage': ('volume', 'open_volume'),
}


def open_clip(path: str | Path, options: Options, seconds: float = 0) -> Clip:
    """Open a file as a clip, whatever its name.

    Args:
        path: Of the file.
        options: How pictures are made.
        seconds: Of the processor, for all that is done with the file from now on; 0: no limit.

    Raises:
        RejectedError: It gives nothing.
    """
    kind = kind_of(path)
    if kind == 'dicom':
        with quiet():
            import_module(f'{__name__}.dicom_limits').check_dicom(Path(path))
    elif kind == 'image':
        check_bytes(Path(path).stat().st_size, 'an image file')
    module, function = _READERS[kind]
    reader = import_module(f'{__name__}.{module}')
    clip = getattr(reader, function)(Path(path), options)
    clip.read = bounded(clip.read, seconds)
    return clip
