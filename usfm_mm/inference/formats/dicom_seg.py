"""Masks as DICOM Segmentation, by highdicom, which points at the frame that was segmented."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.sr.codedict import codes
from pydicom.uid import UltrasoundImageStorage, generate_uid

import usfm_mm
from usfm_mm.database.readers.clip import quiet
from usfm_mm.database.readers.kinds import kind_of
from usfm_mm.io.atomic import atomic_path
from usfm_mm.io.optional import optional_import

_IDENTITY = ('SOPClassUID', 'SOPInstanceUID', 'StudyInstanceUID', 'SeriesInstanceUID')
# What a segmentation has to hold, were it empty, and old files lack.
_MAY_BE_EMPTY = (
    'AccessionNumber',
    'PatientBirthDate',
    'PatientID',
    'PatientName',
    'PatientSex',
    'ReferringPhysicianName',
    'StudyDate',
    'StudyID',
    'StudyTime',
)
_LONGEST_LABEL = 64
_SERIES = 100  # above the source's number


def read_header(source: Path) -> Dataset:
    """What a segmentation takes from its source; empty for a file that is no DICOM.

    Raises:
        ValueError: The source has no number of its own to point at.
    """
    if kind_of(source) != 'dicom':
        return Dataset()
    header = dcmread(source, stop_before_pixels=True, force=True)
    for name in _IDENTITY:
        if not header.get(name):
            raise ValueError(f'{source} has no {name}, and so no DICOM-SEG can point at it')
    for name in _MAY_BE_EMPTY:
        if name not in header:
            setattr(header, name, '')
    return header


def write_dicom_seg(path: Path, mask: np.ndarray, frame: int, header: Dataset, card: Any) -> None:
    """Write a binary segmentation of one frame, one segment per class but the background.

    Patient and study are the source's. Ultrasound has no frame of reference as a rule, and without
    it a segmentation is of one frame; those of a clip share a series. Series and instance have the
    same numbers whenever the same mask is written.

    Args:
        path: Where to; missing folders are made.
        mask: Numbers of classes, uint8 [H, W].
        frame: Number in the source, from 0.
        header: From :func:`read_header`, not empty.
        card: Of the model, with ``classes``.

    Raises:
        ModuleNotFoundError: highdicom is not installed.
    """
    highdicom = optional_import('highdicom', 'DICOM-SEG', 'usfm-mm[infer]')
    single = deepcopy(header)
    # Ultrasound of several frames has none of the functional groups that highdicom looks for, and
    # a frame of reference would ask for positions in space.
    single.SOPClassUID = UltrasoundImageStorage
    for name in ('NumberOfFrames', 'FrameOfReferenceUID', 'PositionReferenceIndicator'):
        if name in single:
            delattr(single, name)
    names = [str(name) for name in card.classes]
    with quiet():  # its warnings repeat the patient's name
        segmentation = highdicom.seg.Segmentation(
            source_images=[single],
            pixel_array=mask[None],
            segmentation_type='BINARY',
            segment_descriptions=[_segment(highdicom, n, names[n]) for n in range(1, len(names))],
            series_instance_uid=_number('series', header, names),
            series_number=int(header.get('SeriesNumber') or 0) + _SERIES,
            sop_instance_uid=_number('instance', header, names, str(frame), mask.tobytes().hex()),
            instance_number=frame + 1,
            manufacturer='usfm_mm',
            manufacturer_model_name='usfm_mm',
            software_versions=usfm_mm.__version__,
            device_serial_number='none',
            omit_empty_frames=False,
        )
    _point_at(segmentation, header, frame)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        segmentation.save_as(temporary, enforce_file_format=True)


def _segment(highdicom: Any, number: int, name: str) -> Any:
    label = name[:_LONGEST_LABEL]
    return highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=codes.SCT.AnatomicalStructure,
        # The class as its data set calls it: no list of codes is known to hold it.
        segmented_property_type=highdicom.sr.CodedConcept(f'CLASS{number}', '99USFM', label),
        algorithm_type='AUTOMATIC',
        algorithm_identification=highdicom.AlgorithmIdentificationSequence(
            name='usfm_mm',
            version=usfm_mm.__version__,
            family=codes.cid7162.ArtificialIntelligence,
        ),
    )


def _number(kind: str, header: Dataset, names: list[str], *more: str) -> str:
    return generate_uid(entropy_srcs=[kind, header.SOPInstanceUID, *names, *more])


def _point_at(segmentation: Dataset, header: Dataset, frame: int) -> None:
    """Give what points at the source its class, and its frame where the source has several."""
    several = int(header.get('NumberOfFrames') or 1) > 1
    for element in segmentation.iterall():
        if element.keyword == 'ReferencedSOPClassUID' and element.value == UltrasoundImageStorage:
            element.value = header.SOPClassUID
    for item in segmentation.PerFrameFunctionalGroupsSequence if several else ():
        for derivation in item.DerivationImageSequence:
            for source in derivation.SourceImageSequence:
                source.ReferencedFrameNumber = frame + 1
