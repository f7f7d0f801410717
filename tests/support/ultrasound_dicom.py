"""Ultrasound DICOM files with given pixels."""

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

MULTI_FRAME, SINGLE = '1.2.840.10008.5.1.4.1.1.3.1', '1.2.840.10008.5.1.4.1.1.6.1'


def write_dicom(path, frames, **fields):
    """Write grey uint8 frames [N, H, W], uncompressed, with the fields that a file must have."""
    dataset = Dataset()
    dataset.SOPClassUID = MULTI_FRAME if len(frames) > 1 else SINGLE
    for name in ('SOPInstanceUID', 'StudyInstanceUID', 'SeriesInstanceUID'):
        setattr(dataset, name, generate_uid(entropy_srcs=[name, str(path)]))
    dataset.Modality = 'US'
    dataset.PatientName, dataset.PatientID = 'Phantom^Made', 'P1'
    dataset.PatientBirthDate, dataset.PatientSex = '20000101', 'O'
    dataset.StudyDate, dataset.StudyTime, dataset.StudyID = '20240102', '120000', '1'
    dataset.AccessionNumber = dataset.ReferringPhysicianName = ''
    dataset.SeriesNumber, dataset.InstanceNumber = 1, 1
    dataset.PhotometricInterpretation, dataset.SamplesPerPixel = 'MONOCHROME2', 1
    dataset.Rows, dataset.Columns = frames.shape[1:]
    if len(frames) > 1:
        dataset.NumberOfFrames = len(frames)
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelData = frames.tobytes() + b'\0' * (frames.size % 2)
    dataset['PixelData'].VR = 'OB'
    for name, value in fields.items():
        setattr(dataset, name, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)
    return path
