"""Opening a file of any kind as a clip; each kind's library is imported when first needed."""

from pathlib import Path

from usfm_mm.database.pictures import Options
from usfm_mm.database.readers.clip import Clip
from usfm_mm.database.readers.kinds import kind_of


def open_clip(path: str | Path, options: Options) -> Clip:
    """Open a file as a clip, whatever its name.

    Raises:
        Rejected: It gives nothing.
    """
    kind = kind_of(path)
    if kind == 'dicom':
        from usfm_mm.database.readers.dicom import open_dicom as open_kind
    elif kind == 'image':
        from usfm_mm.database.readers.image import open_image as open_kind
    elif kind == 'video':
        from usfm_mm.database.readers.video import open_video as open_kind
    else:
        from usfm_mm.database.readers.volume import open_volume as open_kind
    return open_kind(Path(path), options)
