"""One DICOM Segmentation: its segments, and the instance and frame that each frame is of."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from usfm_mm.converters.items import ConversionError
from usfm_mm.io.optional import optional_import


class Source(NamedTuple):
    """What a frame is of.

    Attributes:
        instance: Number of the image.
        frame: Of the image, from 0.
        segment: Number of the segment; None in a label map, whose pixels are such numbers.
    """

    instance: str
    frame: int
    segment: int | None


@dataclass(frozen=True)
class Segments:
    """A segmentation.

    Attributes:
        path: The file.
        labels: Of the segments, by their numbers.
        sources: One per frame.
        referred: Numbers of all images that it was made of, also of those without any segment.
    """

    path: Path
    labels: dict[int, str]
    sources: list[Source]
    referred: frozenset[str]

    def pixels(self) -> np.ndarray:
        """Its frames, uint8 or uint16 [N, H, W]: 0 is outside."""
        return _pixels(self.path)


def read_segments(path: Path) -> Segments:
    """Read a segmentation, its pixels aside.

    Raises:
        ConversionError: It is damaged, or a frame does not tell what it is of.
    """
    dataset = _dataset(path, True)
    is_map = str(dataset.get('SegmentationType', '')) == 'LABELMAP'
    try:
        labels = {
            int(s.SegmentNumber): str(s.get('SegmentLabel') or f'segment {s.SegmentNumber}')
            for s in dataset.SegmentSequence
        }
        shared = dataset.get('SharedFunctionalGroupsSequence') or [None]
        sources = [
            _source(f'{path}, frame {i + 1}', item, shared[0], is_map)
            for i, item in enumerate(dataset.PerFrameFunctionalGroupsSequence)
        ]
        referred = {
            str(instance.ReferencedSOPInstanceUID)
            for series in dataset.get('ReferencedSeriesSequence') or ()
            for instance in series.get('ReferencedInstanceSequence') or ()
        }
    except (AttributeError, TypeError, ValueError, IndexError) as error:
        if isinstance(error, ConversionError):
            raise
        raise ConversionError(f'{path} is damaged: {error}') from error
    return Segments(path, labels, sources, frozenset(referred))


def _source(where: str, item: Any, shared: Any, is_map: bool) -> Source:
    def group(name: str) -> Any:
        found = item.get(name) or (shared.get(name) if shared is not None else None)
        return found[0] if found else None

    derived = group('DerivationImageSequence')
    images = derived.get('SourceImageSequence') if derived is not None else None
    if not images or len(images) != 1:
        raise ConversionError(
            f'{where} does not tell the one image that it is of (DerivationImageSequence): '
            'export it again with references to its sources'
        )
    frame = images[0].get('ReferencedFrameNumber') or 1
    if not isinstance(frame, int) and not str(frame).isdigit():
        raise ConversionError(f'{where} refers to several frames ({frame})')
    told = group('SegmentIdentificationSequence')
    number = None if is_map else int(told.ReferencedSegmentNumber)
    return Source(str(images[0].ReferencedSOPInstanceUID), int(frame) - 1, number)


def _dataset(path: Path, header: bool) -> Any:
    pydicom = optional_import('pydicom', 'DICOM', 'usfm-mm[data]')
    from usfm_mm.database.readers.dicom import quiet
    from usfm_mm.database.readers.dicom_limits import check_dicom
    from usfm_mm.database.types import RejectedError

    try:
        with quiet():
            check_dicom(path)
            return pydicom.dcmread(path, stop_before_pixels=header)
    except RejectedError as error:
        raise ConversionError(f'{path} is not read: {error}') from error
    except Exception as error:  # pydicom raises many kinds on broken files
        raise ConversionError(f'{path} is damaged and cannot be read') from error


@lru_cache(maxsize=4)  # asked for frame by frame
def _pixels(path: Path) -> np.ndarray:
    dataset = _dataset(path, False)
    try:
        pixels = np.asarray(dataset.pixel_array)
    except Exception as error:  # the decoders raise many kinds
        raise ConversionError(f'{path}: its pixels cannot be decoded ({error})') from error
    if pixels.ndim == 2:
        pixels = pixels[None]
    if str(dataset.get('SegmentationType', '')) == 'FRACTIONAL':
        pixels = (2 * pixels.astype(int) >= int(dataset.MaximumFractionalValue)).astype(np.uint8)
    return pixels
