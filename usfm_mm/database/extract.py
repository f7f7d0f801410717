"""From one file of any kind to its pictures."""

from pathlib import Path

from usfm_mm.database.pictures import Extraction, Options


def extract(path: str | Path, options: Options) -> Extraction:
    """Pictures of one file.

    Args:
        path: A DICOM, video, image, NIfTI or MetaImage file, whatever its name.
        options: How pictures are made.

    Raises:
        Rejected: The file gives nothing; a frame that gives nothing is counted instead.
    """
    raise NotImplementedError
