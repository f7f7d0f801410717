"""How much burned-in text the search finds, by height and brightness of the letters.

    python -m benchmarks.text_recall [--data ../shared/data]

Names, dates and numbers are written in strokes of one pixel at random places into 22 real pictures
(BUSI and HC18, enlarged to 640 pixels), also over bright tissue. A text is found if more than 95 %
of its ink would be painted over.
"""

import argparse
import random
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from usfm_mm.database.screen.text import find_text
from usfm_mm.io.image import read_grey

TEXTS = ['DOE JOHN', '12/03/1961', 'ID 482913', 'Miller, A.', 'M 54Y', 'ZHANG WEI']
FONT = cv2.FONT_HERSHEY_SIMPLEX


def write(image: np.ndarray, pixels: int, grey: int, rng: random.Random) -> np.ndarray:
    """Write a text into an image, in place, and give its ink as a mask."""
    text = rng.choice(TEXTS)
    scale = cv2.getFontScaleFromHeight(FONT, pixels, 1)
    (width, height), _ = cv2.getTextSize(text, FONT, scale, 1)
    x = rng.randint(5, image.shape[1] - width - 5)
    y = rng.randint(height + 5, image.shape[0] - 8)
    before = image.copy()
    cv2.putText(image, text, (x, y), FONT, scale, grey, 1, cv2.LINE_AA)
    return np.asarray(cv2.absdiff(image, before)) > 10


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--data', type=Path, default=Path('../shared/data'))
    args = parser.parse_args()
    paths = [
        *sorted((args.data / 'BUSI').glob('*/*/*).png'))[::25],
        *sorted((args.data / 'HC18').glob('*/*HC.png'))[::40],
    ]
    rng = random.Random(0)
    view = Table('letters, pixels', 'grey', title=f'{len(paths)} pictures')
    view.add_column('found', justify='right')
    for pixels in (8, 10, 12, 16):
        for grey in (255, 170):
            found = 0
            for path in paths:
                image = cv2.resize(read_grey(path), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
                ink = write(image, pixels, grey, rng)
                covered = np.zeros(image.shape, bool)
                for box in find_text(image):
                    box.cut(covered)[:] = True
                found += int((ink & covered).sum() > 0.95 * ink.sum())
            view.add_row(str(pixels), str(grey), str(found))
    Console().print(view)


if __name__ == '__main__':
    main()
