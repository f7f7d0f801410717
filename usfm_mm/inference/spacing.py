"""Size of a pixel in mm, where a file tells it."""

from pathlib import Path
from typing import Any

_2D = 1  # Region Spatial Format, and units in cm: PS3.3 C.8.5.5.1
_CM = 3
TAGS = ('SequenceOfUltrasoundRegions', 'PixelSpacing')
"""What a DICOM header tells it by."""


def pixel_spacing(path: Path, kind: str) -> tuple[float, float] | None:
    """Height and width of a pixel in mm; None where the file does not tell, or tells several.

    Of DICOM files the calibration of the 2D ultrasound regions where they agree, else Pixel
    Spacing; of NIfTI files the voxel, where the header names its unit; of MetaImage files the
    voxel, which is in mm, but for one of 1 in all directions: programs that know none write it.
    """
    if kind == 'dicom':
        from pydicom import dcmread

        from usfm_mm.database.readers.clip import quiet

        with quiet():
            return spacing_of_header(
                dcmread(path, stop_before_pixels=True, specific_tags=list(TAGS), force=True)
            )
    return _of_volume(path, kind) if kind in ('nifti', 'metaimage') else None


def spacing_of_header(header: Any) -> tuple[float, float] | None:
    """Spacing that a DICOM header tells; see :func:`pixel_spacing`."""
    found = set()
    for item in header.get('SequenceOfUltrasoundRegions') or []:
        units = item.get('PhysicalUnitsXDirection'), item.get('PhysicalUnitsYDirection')
        if item.get('RegionSpatialFormat') == _2D and units == (_CM, _CM):
            # Negative where the region counts from the other end.
            height, width = (abs(float(item.get(f'PhysicalDelta{axis}') or 0)) for axis in 'YX')
            found.add((round(10 * height, 9), round(10 * width, 9)))
    if found:
        one = found.pop()
        return one if not found and min(one) > 0 else None
    values = header.get('PixelSpacing')
    if values is not None and len(values) == 2 and min(map(float, values)) > 0:
        return float(values[0]), float(values[1])
    return None


def _of_volume(path: Path, kind: str) -> tuple[float, float] | None:
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
        spacing = reader.GetSpacing()
        # ITK has turned metres and micrometres into mm.
        known = (
            int(reader.GetMetaData('xyzt_units')) & 7 if kind == 'nifti' else set(spacing) != {1.0}
        )
    except (RuntimeError, ValueError):
        return None
    return (spacing[1], spacing[0]) if known else None
