"""Frames per second of one core for each reader, and for what follows: layout, OCR, colour.

    OMP_NUM_THREADS=1 python -m benchmarks.readers [--frames 30] [--out FILE]

Made-up speckle of 480x640 pixels, written in each syntax and container. Times are CPU seconds of
the process, so that other work on the machine counts little.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import SimpleITK as sitk
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
    UltrasoundMultiFrameImageStorage,
)
from rich.console import Console
from rich.table import Table

from usfm_mm.database.readers import open_clip
from usfm_mm.database.screen.colour import coloured_share
from usfm_mm.database.screen.text import find_text, paint_over
from usfm_mm.database.screen.view import lay_out
from usfm_mm.database.types import Options

HEIGHT, WIDTH = 480, 640


def speckle(seed: int) -> np.ndarray:
    """Grey Rayleigh noise, uint8 [480, 640]."""
    random = np.random.default_rng(seed)
    parts = [cv2.GaussianBlur(random.normal(size=(HEIGHT, WIDTH)), (0, 0), 1.5) for _ in range(2)]
    envelope = np.hypot(*parts)
    return np.clip(envelope / envelope.mean() * 70, 1, 255).astype(np.uint8)


def write_dicom(path: Path, frames: np.ndarray, syntax: str) -> None:
    """Write frames as a grey clip of ultrasound in a transfer syntax."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = UltrasoundMultiFrameImageStorage, '1.2.3'
    dataset.Modality, dataset.NumberOfFrames = 'US', len(frames)
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = HEIGHT, WIDTH, 1
    dataset.PhotometricInterpretation, dataset.PixelRepresentation = 'MONOCHROME2', 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelData = frames.tobytes()
    if syntax == JPEGBaseline8Bit:
        jpegs = [cv2.imencode('.jpg', frame)[1].tobytes() for frame in frames]
        dataset.PixelData = encapsulate(jpegs)
        dataset['PixelData'].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    elif syntax != ExplicitVRLittleEndian:
        dataset.compress(syntax)
    dataset.save_as(path, enforce_file_format=True)


def write_video(path: Path, frames: np.ndarray) -> None:
    """Write frames as MPEG-4."""
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('mpeg4', rate=30)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, 'yuv420p'
        for grey in frames:
            frame = av.VideoFrame.from_ndarray(np.stack([grey] * 3, -1), format='rgb24')
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def write_files(folder: Path, frames: np.ndarray) -> dict[str, list[Path]]:
    """Files of the same frames by the name of their kind."""
    files = {}
    syntaxes = {
        'DICOM, uncompressed': ExplicitVRLittleEndian,
        'DICOM, RLE': RLELossless,
        'DICOM, JPEG': JPEGBaseline8Bit,
        'DICOM, JPEG-LS': JPEGLSLossless,
        'DICOM, JPEG 2000': JPEG2000Lossless,
    }
    for number, (name, syntax) in enumerate(syntaxes.items()):
        write_dicom(folder / f'{number}.dcm', frames, syntax)
        files[name] = [folder / f'{number}.dcm']
    write_video(folder / 'clip.mp4', frames)
    files['video, MPEG-4'] = [folder / 'clip.mp4']
    sitk.WriteImage(sitk.GetImageFromArray(frames), str(folder / 'v.nii.gz'))
    files['NIfTI, zipped'] = [folder / 'v.nii.gz']
    for ending in ('png', 'jpg'):
        files[ending.upper()] = [folder / f'{i}.{ending}' for i in range(len(frames))]
        for path, frame in zip(files[ending.upper()], frames, strict=True):
            cv2.imwrite(str(path), frame)
    return files


def per_second(function: Callable[[], object], count: int) -> float:
    """How many of `count` a core does in a second; the best of three."""
    times = []
    for _ in range(3):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return count / min(times)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--frames', type=int, default=30)
    parser.add_argument('--out', type=Path, help='JSON file to write')
    args = parser.parse_args()
    cv2.setNumThreads(1)
    frames = np.stack([speckle(seed) for seed in range(args.frames)])
    result = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, paths in write_files(Path(folder), frames).items():

            def read(paths: list[Path] = paths) -> None:
                for path in paths:
                    for _ in open_clip(path, Options()).read(1):
                        pass

            result[name] = per_second(read, args.frames)
    few = frames[:8]
    labelled = few[0].copy()
    for y in range(60, 460, 80):
        cv2.putText(labelled, 'LEFT BREAST 10 CM', (40, y), 0, 0.6, 255, 1, cv2.LINE_AA)
    colours = np.stack([few[0]] * 3, -1)
    colours[..., 0] = 255 - colours[..., 0]
    lines = find_text(labelled)
    result['search for text, none there'] = per_second(lambda: [find_text(f) for f in few[:4]], 4)
    result[f'search for text, {len(lines)} lines'] = per_second(lambda: find_text(labelled), 1)
    result[f'paint over {len(lines)} lines'] = per_second(lambda: paint_over(labelled, lines), 1)
    result['layout of a still, with search'] = per_second(
        lambda: lay_out([few[0]], (), still=True), 1
    )
    result['colour'] = per_second(lambda: [coloured_share(colours) for _ in range(20)], 20)
    view = Table('480x640', title=f'{args.frames} frames')
    view.add_column('per second and core', justify='right')
    for name, value in result.items():
        view.add_row(name, f'{value:,.0f}' if value >= 20 else f'{value:.1f}')
    Console().print(view)
    if args.out:
        args.out.write_text(json.dumps(result, indent=2) + '\n')


if __name__ == '__main__':
    main()
