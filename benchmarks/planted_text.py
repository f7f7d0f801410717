"""Which burned-in text stays in the pictures, by kind, of thousands planted into real ones.

    python -m benchmarks.planted_text --out planted.jsonl [--count 10000] [--data ../shared/data]
    python -m benchmarks.planted_text --out planted.jsonl --count 0      # the table again, and JSON

Into a real picture (BUSI, COVID-BLUES, the half of HC18 that the network was not trained on) a
name, date or number is written, the file is read by what the builder calls, `extract`, and its
pixels are looked for in what comes out: a text stays if more than 5 % of its ink is there
unchanged. Pictures, texts and fonts are drawn by number from one seed, so that a run that was
stopped goes on, and another commit gets the same pictures (from a folder with this `benchmarks` and
its `usfm_mm`).

Fonts: Debian's fonts-dejavu-core, -liberation, -freefont-ttf, -wqy-zenhei, -ipafont-gothic, -nanum,
-kacst-one, -lohit-deva.
"""

import argparse
import json
import random
import tempfile
import time
from functools import lru_cache
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont, features

from benchmarks.text_net.pictures import is_trained_on
from usfm_mm.database import extract as extract_module
from usfm_mm.database.types import Options, RejectedError
from usfm_mm.io.image import encode_png, read_grey

FONTS = Path('/usr/share/fonts/truetype')
_DEJAVU = ['dejavu/DejaVuSans.ttf', 'dejavu/DejaVuSansMono-Bold.ttf', 'freefont/FreeSans.ttf']
_NUMBERS = ['12/03/1961', 'ID 482913', '0047-2251', '14:05:37', '8.4 cm', '2019-11-30', 'T 31.7']
# Fonts, the letter whose height is the text's, and texts.
SCRIPTS: dict[str, tuple[list[str], str, list[str]]] = {
    'Latin': (
        ['dejavu/DejaVuSans.ttf', 'liberation/LiberationSans-Regular.ttf',
         'liberation/LiberationMono-Bold.ttf', 'freefont/FreeSans.ttf'], 'H',
        ['DOE JOHN', 'Miller, A.', 'ZHANG WEI', 'Müller', 'St. Mary', 'Left Breast', *_NUMBERS],
    ),
    'Cyrillic': (_DEJAVU, 'Н', ['Иванов П.С.', 'Петрова Анна', 'СМИРНОВ', 'Больница', 'Жук']),
    'Greek': (_DEJAVU, 'Η', ['ΠΑΠΑΔΟΠΟΥΛΟΣ', 'Γιώργος', 'Νίκος Ψ.', 'ΑΘΗΝΑ', 'Ελένη']),
    'Chinese': (['wqy/wqy-zenhei.ttc'], '国', ['王小明', '李秀英', '张伟 男', '北京医院']),
    'Japanese': (
        ['../opentype/ipafont-gothic/ipag.ttf'], '国',
        ['ヤマダ タロウ', 'サトウ', 'スズキ ハナコ', '田中さくら', 'イトウ ケン', '高橋病院'],
    ),
    'Korean': (
        ['nanum/NanumGothic.ttf', 'nanum/NanumMyeongjo.ttf'], '한',
        ['김철수', '이영희', '박지민 남', '서울병원', '최수정'],
    ),
    'Arabic': (
        ['kacst-one/KacstOne.ttf', 'dejavu/DejaVuSans.ttf'], 'ا',
        ['محمد علي', 'فاطمة حسن', 'يوسف', 'مستشفى', 'خالد بن زيد'],
    ),
    'Devanagari': (
        ['lohit-devanagari/Lohit-Devanagari.ttf'], 'क', ['राम कुमार', 'सीता देवी', 'अस्पताल', 'मोहन'],
    ),
    'one digit': (_DEJAVU, '0', list('123456789')),
}  # fmt: skip
DIRECTIONS = ('horizontal', 'upward', 'upside down', 'downward')
SIZES = (8, 10, 12, 16, 20, 24, 32)
# What a text's grey has more (or less) than what it stands on; from 80 on it is normal.
CONTRASTS = {'white': 5, 'normal': 3, 'faint': 1, 'dark': 1}
_STAYS = 0.05


@lru_cache(maxsize=500)
def font(name: str, letter: str, height: int) -> ImageFont.FreeTypeFont:
    """The font in which a letter has a height in pixels."""
    for size in range(height, 4 * height):
        found = ImageFont.truetype(FONTS / name, size)
        _, top, _, bottom = found.getbbox(letter)
        if bottom - top >= height:
            return found
    raise ValueError(f'{name} has no {letter}')


def drawn(text: str, face: ImageFont.FreeTypeFont, turns: int) -> np.ndarray:
    """A text as a mask uint8 [H, W], turned to the left by quarters."""
    left, top, right, bottom = face.getbbox(text)
    image = Image.new('L', (int(right - left) + 2, int(bottom - top) + 2))
    ImageDraw.Draw(image).text((1 - left, 1 - top), text, fill=255, font=face)
    return np.rot90(np.asarray(image), turns)


def sources(data: Path) -> list[Path]:
    """Files of the pictures, in a fixed order."""
    return [
        *sorted((data / 'BUSI').rglob('*).png')),
        *(path for path in sorted((data / 'HC18').rglob('*HC.png')) if not is_trained_on(path)),
        *sorted((data / 'COVID-BLUES').rglob('*.mp4')),
    ]


def picture(path: Path) -> np.ndarray:
    """A picture, or the middle frame of a clip, grey uint8 of at most 640 pixels a side."""
    if path.suffix == '.png':
        return read_grey(path)
    video = cv2.VideoCapture(str(path))
    video.set(cv2.CAP_PROP_POS_FRAMES, int(video.get(cv2.CAP_PROP_FRAME_COUNT)) // 2)
    frame = video.read()[1]
    scale = min(1.0, 640 / max(frame.shape))
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    return cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def plant(number: int, paths: list[Path]) -> tuple[np.ndarray, np.ndarray, dict] | None:
    """Picture uint8 [H, W] with text, its ink bool [H, W], and what was planted; None: no place."""
    rng = random.Random(number)
    path = rng.choice(paths)
    image = picture(path)
    script = rng.choice(list(SCRIPTS))
    names, letter, texts = SCRIPTS[script]
    turns, size = rng.randrange(4), rng.choice(SIZES)
    contrast = rng.choices(list(CONTRASTS), list(CONTRASTS.values()))[0]
    black = contrast != 'dark' and rng.random() < 0.3
    if black:  # a screen's margin
        margin = [(0, 0), (0, 0)]
        margin[rng.randrange(2)] = rng.choice(((2 * size + 24, 0), (0, 2 * size + 24)))
        image = np.pad(image, margin)
    text, face = rng.choice(texts), font(rng.choice(names), letter, size)
    mask = drawn(text, face, turns)
    while text and any(m > i - 6 for m, i in zip(mask.shape, image.shape, strict=True)):
        text = text[:-1]
        mask = drawn(text, face, turns) if text.strip() else mask
    height, width = mask.shape
    for _ in range(400 if text.strip() else 0):
        y, x = (
            rng.randint(3, image.shape[0] - height - 3),
            rng.randint(3, image.shape[1] - width - 3),
        )
        part = image[y : y + height, x : x + width]
        mean = float(part.mean())
        least = 110 if contrast == 'dark' else 25
        if mean < 4 if black else least < mean < (255 if contrast == 'dark' else 170):
            break
    else:
        return None
    more = {'white': 255, 'normal': rng.uniform(80, 140), 'faint': rng.uniform(25, 60)}
    grey = 0 if contrast == 'dark' else min(mean + more[contrast], 255)
    weight = mask / 255
    part[:] = np.rint(part * (1 - weight) + grey * weight)
    ink = np.zeros(image.shape, bool)
    ink[y : y + height, x : x + width] = mask > 128
    kind = dict(script=script, direction=DIRECTIONS[turns], size=size, contrast=contrast)
    return image, ink, {**kind, 'ground': 'black' if black else 'tissue', 'text': text,
                        'source': path.name}  # fmt: skip


def screened(image: np.ndarray, ink: np.ndarray, folder: Path) -> dict:
    """What the builder makes of a picture: why it is left out, or which part of the ink stays."""
    path = folder / 'planted.png'
    path.write_bytes(encode_png(image))
    layouts = []

    def lay_out(*args: Any, **kwargs: Any) -> Any:
        layouts.append(own(*args, **kwargs))
        return layouts[-1]

    own = extract_module.lay_out
    start = time.process_time()
    with mock.patch.object(extract_module, 'lay_out', lay_out):
        try:
            extraction = extract_module.extract(path, Options())
            pictures = list(extraction.pictures)
            reason = next(iter(extraction.rejects), '')
        except RejectedError as error:
            pictures, reason = [], error.reason
    seconds = round(time.process_time() - start, 4)
    if not pictures:
        return dict(left_out=reason, ink=0.0, seconds=seconds)
    box = layouts[0].views[0].box
    stays = (box.cut(image) == pictures[0].pixels) & box.cut(ink)
    return dict(left_out='', ink=round(float(stays.sum() / ink.sum()), 4), seconds=seconds)


def interval(count: int, of: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    z = 1.96
    middle, half = (
        count / of + z**2 / (2 * of),
        z * np.sqrt(count / of * (1 - count / of) / of + z**2 / (4 * of**2)),
    )
    return float((middle - half) / (1 + z**2 / of)), float((middle + half) / (1 + z**2 / of))


def tables(rows: list[dict]) -> dict[str, dict]:
    """Counts and shares of texts that stay, by kind."""
    alphabets = ('Latin', 'Cyrillic', 'Chinese', 'Japanese', 'Korean', 'Arabic')
    clear = [row for row in rows if row['size'] >= 12 and row['contrast'] in ('white', 'normal')]
    target = [row for row in clear if row['script'] in alphabets]
    groups = {'all': rows, 'target of the issue': target}
    for key in ('script', 'direction', 'size', 'contrast', 'ground'):
        for value in sorted({row[key] for row in rows}, key=str):
            groups[f'{key}: {value}'] = [row for row in rows if row[key] == value]
    for script in alphabets:
        groups[f'target, {script}'] = [row for row in target if row['script'] == script]
    result = {}
    for name, group in groups.items():
        if group:
            stay = sum(row['ink'] > _STAYS for row in group)
            low, high = interval(stay, len(group))
            result[name] = dict(
                planted=len(group), stay=stay, percent=round(100 * stay / len(group), 2),
                low=round(100 * low, 2), high=round(100 * high, 2),
                half=sum(row['ink'] > 0.5 for row in group),
                left_out=sum(bool(row['left_out']) for row in group),
            )  # fmt: skip
    return result


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--data', type=Path, default=Path('../shared/data'))
    parser.add_argument('--out', type=Path, required=True, help='one line a picture; .json: tables')
    parser.add_argument('--count', type=int, default=10_000)
    parser.add_argument('--first', type=int, default=0, help='number of the first picture')
    args = parser.parse_args()
    if not features.check('raqm'):
        parser.error('Pillow without raqm does not join Arabic letters')
    cv2.setNumThreads(1)
    paths = sources(args.data)
    rows = [json.loads(line) for line in args.out.open()] if args.out.exists() else []
    done = {row['number'] for row in rows}
    with args.out.open('a') as file, tempfile.TemporaryDirectory() as folder:
        for number in range(args.first, args.first + args.count):
            if number in done or (planted := plant(number, paths)) is None:
                continue
            image, ink, kind = planted
            rows.append({'number': number, **kind, **screened(image, ink, Path(folder))})
            print(json.dumps(rows[-1], ensure_ascii=False), file=file, flush=True)
    result = tables(rows)
    args.out.with_suffix('.json').write_text(json.dumps(result, indent=1))
    for name, row in result.items():
        print(f'{name:24}', *(f'{key} {value}' for key, value in row.items()), sep='  ')


if __name__ == '__main__':
    main()
