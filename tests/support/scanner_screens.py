"""Made-up ultrasound: speckle in a sector, on a screen with bars and text; DICOM files of it."""

from pathlib import Path

import cv2
import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    ExplicitVRLittleEndian,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
    generate_uid,
)

# Where `sector` draws on a screen of 480 x 640: left, top, right, bottom.
SECTOR = (170, 80, 470, 380)


def speckle(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Grey Rayleigh noise, uint8 [H, W], as coarse as a scanner's."""
    random = np.random.default_rng(seed)
    real, imaginary = (
        cv2.GaussianBlur(random.normal(size=(height, width)), (0, 0), 1.5) for _ in '12'
    )
    envelope = np.hypot(real, imaginary)
    return np.clip(envelope / envelope.mean() * 70, 1, 255).astype(np.uint8)


def sector(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A fan of speckle on black, uint8 [480, 640], and where it is, bool."""
    left, top, right, bottom = SECTOR
    rows, columns = np.mgrid[:480, :640]
    middle, depth = (left + right) / 2, rows - (top - 60)
    angle = np.abs(np.arctan2(columns - middle, depth))
    radius = np.hypot(columns - middle, depth)
    inside = (angle < 0.44) & (radius > 60) & (radius < bottom - top + 60)
    return np.where(inside, speckle(480, 640, seed), 0).astype(np.uint8), inside


def screen(seed: int = 0, text: tuple[str, ...] = ('MILLER ANNA', 'ID 5550123')) -> np.ndarray:
    """A scanner's screen with a title bar, lines of text and a grey scale, uint8 [480, 640]."""
    image, _ = sector(seed)
    image[:36] = 60
    image[120:320, 610:622] = np.linspace(255, 0, 200)[:, None]
    for number, line in enumerate(text):
        write(image, line, 10, 26 + 34 * number)
    return image


def write(image: np.ndarray, line: str, x: int, y: int, grey: int = 230) -> None:
    """Burn a line of text into an image, in place."""
    cv2.putText(image, line, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.6, grey, 1, cv2.LINE_AA)


def dicom(frames: np.ndarray, photometric: str = 'MONOCHROME2', **fields: object) -> Dataset:
    """A data set of ultrasound around uint8 or uint16 frames [N, H, W] or [N, H, W, 3]."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    several = len(frames) > 1
    dataset.SOPClassUID = UltrasoundMultiFrameImageStorage if several else UltrasoundImageStorage
    dataset.SOPInstanceUID = generate_uid()
    dataset.Modality = 'US'
    dataset.PatientID = 'P-1'
    if several:
        dataset.NumberOfFrames = len(frames)
    dataset.Rows, dataset.Columns = frames.shape[1:3]
    dataset.SamplesPerPixel = 3 if frames.ndim == 4 else 1
    if frames.ndim == 4:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = photometric
    dataset.BitsAllocated = 8 * frames.itemsize
    dataset.BitsStored = 8 * frames.itemsize
    dataset.HighBit = 8 * frames.itemsize - 1
    dataset.PixelRepresentation = 0
    dataset.PixelData = frames.tobytes()
    for keyword, value in fields.items():
        setattr(dataset, keyword, value)
    return dataset


def save(dataset: Dataset, path: Path) -> Path:
    """Write a data set as a DICOM file and give its path."""
    dataset.save_as(path, enforce_file_format=True)
    return path


def region(left: int, top: int, right: int, bottom: int, form: int = 1, kind: int = 1) -> Dataset:
    """Item of the sequence of ultrasound regions; the last row and column belong to it."""
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType, item.RegionFlags = form, kind, 0
    item.RegionLocationMinX0, item.RegionLocationMinY0 = left, top
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = right, bottom
    return item


def damage_second_frame(path: Path) -> None:
    """Overwrite the start of the second JPEG 2000 stream in a file."""
    data = bytearray(path.read_bytes())
    second = data.index(b'\xff\x4f\xff\x51', data.index(b'\xff\x4f\xff\x51') + 1)
    data[second : second + 40] = b'\0' * 40
    path.write_bytes(data)
