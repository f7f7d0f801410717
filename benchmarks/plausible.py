"""How often ultrasound is taken for something else, and something else for ultrasound.

    python -m benchmarks.plausible [--data ../shared/data] [--others FOLDER]

The others are photographs of scikit-image and scikit-learn (those of 400 pixels and more also in
quarters), CT and MR files of pydicom's tests, and the images, DICOM and NIfTI files below FOLDER.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pydicom
import skimage
import sklearn
from pydicom.data import get_testdata_file
from rich.console import Console
from rich.table import Table

from usfm_mm.database.readers import open_clip
from usfm_mm.database.readers.clip import sample_range, to_8_bits
from usfm_mm.database.screen.colour import to_grey
from usfm_mm.database.screen.plausible import is_plausible
from usfm_mm.database.types import Options

ULTRASOUND = {
    'BUSI': '*).png',
    'HC18': '*HC.png',
    'USGRA': 'images/*.png',
    'TimTrack': '*.png',
    'PICMUS': '*.png',
    'USAnotAI': '*.png',
    'COVID-BLUES': '*.mp4',
    'POCUS': '*.mp*',
}
# No photographs: drawings, masks, pages.
NOT_PHOTOGRAPHS = ('chessboard', 'color', 'logo', 'text', 'page', 'horse', 'phantom', 'multipage')
CT_MR = ('CT_small.dcm', 'MR_small.dcm', '693_J2KI.dcm')
_FRAMES = 5


def frames(path: Path) -> Iterator[np.ndarray]:
    """Some grey frames of a file; of a DICOM file whatever its modality."""
    if path.suffix == '.dcm':
        values = pydicom.dcmread(path).pixel_array
        yield to_8_bits(values, *sample_range(values))
        return
    read = open_clip(path, Options()).read(1)
    found = [to_grey(pixels) for _, pixels in read if pixels is not None]
    yield from found[:: max(len(found) // _FRAMES, 1)]


def photographs() -> Iterator[np.ndarray]:
    """Photographs that packages ship, the large ones in quarters too."""
    own = Path(skimage.__file__).parent, Path(sklearn.__file__).parent
    folders = own[0] / 'data', own[1] / 'datasets/images'
    for path in (path for folder in folders for path in sorted(folder.glob('*.[pj][np]g'))):
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if path.stem.startswith(NOT_PHOTOGRAPHS) or image is None or min(image.shape) < 200:
            continue
        yield image
        if min(image.shape) >= 400:
            for half in np.array_split(image, 2):
                yield from (np.ascontiguousarray(part) for part in np.array_split(half, 2, axis=1))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--data', type=Path, default=Path('../shared/data'))
    parser.add_argument('--others', type=Path, help='more files that are not ultrasound')
    args = parser.parse_args()
    view = Table('pictures', 'number', 'not like ultrasound')

    def add(name: str, pictures: Iterator[np.ndarray]) -> None:
        verdicts = [is_plausible(picture) for picture in pictures if picture.std() > 2]
        view.add_row(name, str(len(verdicts)), str(verdicts.count(False)))

    def below(folder: Path, pattern: str) -> Iterator[np.ndarray]:
        for path in sorted(path for path in folder.rglob(pattern) if path.is_file()):
            yield from frames(path)

    for name, pattern in ULTRASOUND.items():
        add(name, below(args.data / name, pattern))
    add('photographs', photographs())
    files = [Path(str(get_testdata_file(name))) for name in CT_MR]
    add('CT and MR of pydicom', (frame for path in files for frame in frames(path)))
    if args.others is not None:
        add(str(args.others), below(args.others, '*'))
    Console().print(view)


if __name__ == '__main__':
    main()
