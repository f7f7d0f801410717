"""How much burned-in text the search finds, by height and brightness of the letters, and by script.

    python -m benchmarks.text_recall [--data ../shared/data] [--scripts [--cjk FONT]]

Names, dates and numbers are written in strokes of one pixel at random places into 22 real pictures
(BUSI and HC18, enlarged to 640 pixels), also over bright tissue. A text is found if more than 95 %
of its ink would be painted over.

With --scripts, instead, names of several scripts are written, horizontal, upside down and turned to
either side. "Found" is by one search; a text stays if the picture is kept although 5 % of its ink
or more is not painted over after all searches.
"""

import argparse
import itertools
import random
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from rich.console import Console
from rich.table import Table

from usfm_mm.database.readers.clip import Box
from usfm_mm.database.screen.text import cover_text, find_text
from usfm_mm.io.image import read_grey

TEXTS = ['DOE JOHN', '12/03/1961', 'ID 482913', 'Miller, A.', 'M 54Y', 'ZHANG WEI']
SCRIPTS = {
    'Latin': (TEXTS, False),
    'Cyrillic': (['Иванов П.С.', 'Петрова Анна', 'СМИРНОВ'], False),
    'Arabic': (['محمد علي', 'فاطمة حسن', 'يوسف'], False),
    'one digit': (['7', '4', '9', '3'], False),
    'Chinese': (['王小明', '李秀英', '张伟 男'], True),
    'katakana': (['ヤマダ タロウ', 'サトウ', 'スズキ ハナコ'], True),
    'Hangul': (['김철수', '이영희', '박지민 남'], True),
}
DIRECTIONS = ('horizontal', 'upward', 'upside down', 'downward')
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


def drawn(text: str, font: ImageFont.FreeTypeFont, turns: int) -> np.ndarray:
    """A text as a mask uint8 [H, W], turned to the left by quarters."""
    left, top, right, bottom = font.getbbox(text)
    image = Image.new('L', (int(right - left) + 2, int(bottom - top) + 2))
    ImageDraw.Draw(image).text((1 - left, 1 - top), text, fill=255, font=font)
    return np.rot90(np.asarray(image), turns)


def planted(image: np.ndarray, text: np.ndarray, grey: float, rng: random.Random) -> np.ndarray:
    """Write a mask into an image, in place, where tissue is; and give its ink, bool [H, W]."""
    height, width = text.shape
    for _ in range(50):
        y = rng.randint(5, image.shape[0] - height - 5)
        x = rng.randint(5, image.shape[1] - width - 5)
        part = image[y : y + height, x : x + width]
        if part.mean() > 40:
            break
    weight = text / 255
    part[:] = part * (1 - weight) + grey * weight
    ink = np.zeros(image.shape, bool)
    ink[y : y + height, x : x + width] = text > 60
    return ink


def by_script(paths: list[Path], cjk: Path | None, each: int) -> Table:
    """Counts of texts that are found, and that stay, by script, direction and size."""
    view = Table('script', 'direction', 'pixels', 'written', 'found', 'stay')
    rng = random.Random(0)
    own = Path(matplotlib.get_data_path()) / 'fonts/ttf/DejaVuSans.ttf'
    for script, (texts, asian) in SCRIPTS.items():
        if asian and cjk is None:
            continue
        for turns, pixels in itertools.product(range(4), (12, 20)):
            font = ImageFont.truetype(cjk if asian and cjk else own, round(1.35 * pixels))
            found = stay = 0
            for _ in range(each):
                image = read_grey(rng.choice(paths))
                image = cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
                ink = planted(image, drawn(rng.choice(texts), font, turns), 255, rng)
                found += covers(find_text(image), ink)
                clean, boxes = cover_text(image, [], None, search=True)
                stay += clean is not None and not covers(boxes, ink)
            counts = (str(number) for number in (pixels, each, found, stay))
            view.add_row(script, DIRECTIONS[turns], *counts)
    return view


def covers(boxes: list[Box], ink: np.ndarray) -> bool:
    """Do the boxes cover more than 95 % of the ink?"""
    covered = np.zeros(ink.shape, bool)
    for box in boxes:
        box.cut(covered)[:] = True
    return bool((ink & covered).sum() > 0.95 * ink.sum())


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--data', type=Path, default=Path('../shared/data'))
    parser.add_argument('--scripts', action='store_true', help='by script and direction')
    parser.add_argument('--cjk', type=Path, help='font with Chinese, Japanese and Korean letters')
    parser.add_argument('--each', type=int, default=6, help='texts of a kind')
    args = parser.parse_args()
    paths = [
        *sorted((args.data / 'BUSI').glob('*/*/*).png'))[::25],
        *sorted((args.data / 'HC18').glob('*/*HC.png'))[::40],
    ]
    if args.scripts:
        Console().print(by_script(paths, args.cjk, args.each))
        return
    rng = random.Random(0)
    view = Table('letters, pixels', 'grey', title=f'{len(paths)} pictures')
    view.add_column('found', justify='right')
    for pixels in (8, 10, 12, 16):
        for grey in (255, 170):
            found = 0
            for path in paths:
                image = cv2.resize(read_grey(path), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
                ink = write(image, pixels, grey, rng)
                found += covers(find_text(image), ink)
            view.add_row(str(pixels), str(grey), str(found))
    Console().print(view)


if __name__ == '__main__':
    main()
