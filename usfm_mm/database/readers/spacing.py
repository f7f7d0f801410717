"""Size of a pixel in mm, where a file's header tells it."""

import math
import re
from typing import Any

_2D = 1  # Region Spatial Format, and units in cm: PS3.3 C.8.5.5.1
_CM = 3
TAGS = ('SequenceOfUltrasoundRegions', 'PixelSpacing')
"""What a DICOM header tells it by."""
# NIfTI's codes of units, in mm.
_NIFTI_UNITS = {1: 1000.0, 2: 1.0, 3: 0.001}

Spacing = tuple[float, float]
"""Height and width of a pixel in mm."""


def spacing_of_dicom(header: Any) -> Spacing | None:
    """The calibration of the 2D ultrasound regions where they agree, else Pixel Spacing.

    Args:
        header: pydicom's data set.

    Returns:
        None where the file does not tell, or tells several.
    """
    try:
        found = set()
        for item in header.get('SequenceOfUltrasoundRegions') or []:
            units = item.get('PhysicalUnitsXDirection'), item.get('PhysicalUnitsYDirection')
            if item.get('RegionSpatialFormat') == _2D and units == (_CM, _CM):
                # Negative where the region counts from the other end.
                height, width = (abs(float(item.get(f'PhysicalDelta{axis}') or 0)) for axis in 'YX')
                found.add((round(10 * height, 9), round(10 * width, 9)))
        if found:
            return _checked(*found.pop()) if len(found) == 1 else None
        values = header.get('PixelSpacing')
        return None if values is None else _checked(*map(float, values))
    except Exception:  # pydicom raises many kinds on broken values, and the picture is still good
        return None


def spacing_of_nifti(header: Any) -> Spacing | None:
    """The voxel of a NIfTI header of nibabel's, where it names its unit of length."""
    unit = _NIFTI_UNITS.get(int(header['xyzt_units']) & 7)
    if unit is None:
        return None
    width, height = (abs(float(value)) * unit for value in header['pixdim'][1:3])
    return _checked(height, width)


def spacing_of_metaimage(head: bytes) -> Spacing | None:
    r"""The ElementSpacing (or ElementSize) of a MetaImage's header, which is in mm.

    One of 1 in all directions tells nothing: programs that know none write it.

    >>> spacing_of_metaimage(b'NDims = 2\nElementSpacing = 0.3 0.5\n')
    (0.5, 0.3)
    """
    unit = re.search(rb'^DistanceUnits\s*[=:]\s*(\w+)', head, re.M)
    if unit and unit[1] != b'mm':
        return None
    values = re.search(rb'^ElementSpacing\s*[=:]\s*([^\r\n]+)', head, re.M)
    values = values or re.search(rb'^ElementSize\s*[=:]\s*([^\r\n]+)', head, re.M)
    try:
        width, height, *depth = map(float, values[1].split() if values else ())
    except ValueError:
        return None
    return None if {width, height, *depth} == {1.0} else _checked(height, width)


def _checked(height: float, width: float) -> Spacing | None:
    good = all(math.isfinite(value) and value > 0 for value in (height, width))
    return (height, width) if good else None
