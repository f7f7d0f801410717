"""What the header of a DICOM file tells: is it ultrasound, where is the tissue, who is it."""

from typing import Any

from pydicom import DataElement, Dataset

from usfm_mm.database.readers.clip import Box
from usfm_mm.database.types import RejectedError

# Current and retired: multi-frame, single, enhanced volume, photoacoustic is not among them.
_ULTRASOUND_CLASSES = (
    '1.2.840.10008.5.1.4.1.1.3',
    '1.2.840.10008.5.1.4.1.1.3.1',
    '1.2.840.10008.5.1.4.1.1.6',
    '1.2.840.10008.5.1.4.1.1.6.1',
    '1.2.840.10008.5.1.4.1.1.6.2',
)
_MODALITIES = ('US', 'IVUS')
# Region Spatial Format and Region Data Type (PS3.3 C.8.5.5.1): 2D; tissue, colour flow over it.
_2D = 1
_TISSUE, _COLOUR_FLOW = 1, 2
_LONGEST_TEXT = 1024
_LONGEST_SEQUENCE = 1 << 20


def check_ultrasound(header: Dataset) -> None:
    """Refuse other modalities.

    Raises:
        RejectedError: Neither modality, class nor regions say ultrasound.
    """
    if not (
        header.get('Modality') in _MODALITIES
        or header.get('SOPClassUID') in _ULTRASOUND_CLASSES
        or 'SequenceOfUltrasoundRegions' in header
    ):
        raise RejectedError('not ultrasound', 'the modality of the header')


def tissue_regions(header: Dataset, rows: int, columns: int) -> tuple[Box, ...]:
    """Boxes of the 2D regions, from top left; empty where the header cannot be trusted.

    Files that were resized or cut after the scanner wrote them keep the old regions; so when one
    lies outside the picture, none is used. Regions within another one are left out.

    Raises:
        RejectedError: The header names regions, and none of them is 2D.
    """
    sequence = header.get('SequenceOfUltrasoundRegions') or []
    boxes = []
    for item in sequence:
        kind = (item.get('RegionSpatialFormat'), item.get('RegionDataType'))
        if kind not in ((_2D, _TISSUE), (_2D, _COLOUR_FLOW)):
            continue
        box = _box(item)
        if box is None or box.right > columns + 1 or box.bottom > rows + 1:
            return ()
        boxes.append(Box(box.left, box.top, min(box.right, columns), min(box.bottom, rows)))
    if len(sequence) and not boxes:
        raise RejectedError('no tissue region', 'its regions are Doppler, M-mode or graphics')
    outer = [box for box in set(boxes) if not any(_within(box, other) for other in boxes)]
    return tuple(sorted(outer, key=lambda box: (box.top, box.left)))


def _box(item: Dataset) -> Box | None:
    # The corners are given as pixels that belong to the region.
    corners = [item.get(f'RegionLocation{end}') for end in ('MinX0', 'MinY0', 'MaxX1', 'MaxY1')]
    if any(not isinstance(corner, int) for corner in corners):
        return None
    left, top, right, bottom = corners
    if left >= right or top >= bottom:
        return None
    return Box(left, top, right + 1, bottom + 1)


def _within(box: Box, other: Box) -> bool:
    return (
        box != other
        and box.left >= other.left
        and box.top >= other.top
        and box.right <= other.right
        and box.bottom <= other.bottom
    )


def frame_rate(header: Dataset) -> float | None:
    """Frames per second, from whichever field has it."""
    for keyword in ('CineRate', 'RecommendedDisplayFrameRate'):
        if rate := _positive(header.get(keyword)):
            return rate
    if milliseconds := _positive(header.get('FrameTime')):
        return 1000 / milliseconds
    vector = header.get('FrameTimeVector')
    if vector is not None and hasattr(vector, '__len__') and len(vector) > 1:
        milliseconds = _positive(sum(float(value) for value in vector[1:]) / (len(vector) - 1))
        return 1000 / milliseconds if milliseconds else None
    return None


def _positive(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 < number < 1e6 else None


def text_fields(header: Dataset) -> dict[str, str]:
    """Text of the standard fields by keyword; of code sequences the meaning of the first item.

    Several values are joined by a backslash, as in the file. Private fields, binary ones and
    texts of more than 1,024 characters are left out.
    """
    fields = {}
    for tag in header.keys():  # noqa: SIM118  pydicom's Dataset iterates over elements
        try:
            if len(getattr(header.get_item(tag), 'value', None) or b'') > _LONGEST_SEQUENCE:
                continue  # unpacked, it takes a hundred times as much
            element = header[tag]
            text = _text(element)
        except Exception:  # a broken value must not hide the others
            continue
        if element.keyword and text and len(text) <= _LONGEST_TEXT:
            fields[element.keyword] = text
    return fields


def _text(element: DataElement) -> str:
    value = element.value
    if element.VR == 'SQ':
        return str(value[0].get('CodeMeaning', '')).strip() if len(value) else ''
    if value is None or isinstance(value, bytes):
        return ''
    if element.VM > 1:
        return '\\'.join(str(part) for part in value)
    return str(value).strip()
