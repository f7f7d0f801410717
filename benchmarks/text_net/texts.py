"""Lines of text as ink: random letters of eleven scripts in installed fonts."""

import math
import random
import string
from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

FONTS = Path('/usr/share/fonts')
HEIGHTS = (7, 44)
"""Of the letters, in pixels, from and to."""
_LATIN = ['NotoSans-*.ttf', 'NotoSerif-*.ttf', 'NotoSansMono-*.ttf', 'roboto/**/*.ttf',
          'open-sans/*.ttf']  # fmt: skip
_CJK = ['opentype/noto/*.ttc']
_HERSHEY = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_PLAIN, cv2.FONT_HERSHEY_DUPLEX,
            cv2.FONT_HERSHEY_COMPLEX_SMALL)  # fmt: skip


class Script(NamedTuple):
    """What is written: fonts as patterns, letters, how often, and font size for a letter of 1."""

    fonts: list[str]
    letters: str
    weight: int
    size: float


def _letters(first: int, end: int, step: int = 1) -> str:
    return ''.join(map(chr, range(first, end, step)))


SCRIPTS = {
    'latin': Script(
        [*_LATIN, 'lato/*.ttf', 'inconsolata/*', 'courier-prime/*', 'ttf-bitstream-vera/*'],
        2 * string.ascii_letters + 'äöüßéèçñåÅÖ', 5, 1.4,
    ),
    'numbers': Script(
        [*_LATIN, 'lato/*.ttf', 'inconsolata/*', 'courier-prime/*', 'ttf-bitstream-vera/*'],
        string.digits, 5, 1.4,
    ),
    'cyrillic': Script(_LATIN, _letters(0x410, 0x450), 2, 1.4),
    'greek': Script(_LATIN, _letters(0x391, 0x3A2) + _letters(0x3B1, 0x3CA) + 'άέήίό', 1, 1.4),
    'chinese': Script([*_CJK, 'arphic/*.ttc'], _letters(0x4E00, 0x8000, 3), 3, 1.15),
    'japanese': Script(
        [*_CJK, 'takao-gothic/*', 'vlgothic/*.ttf'],
        2 * _letters(0x30A2, 0x30F4) + _letters(0x3042, 0x3094) + _letters(0x4E00, 0x6000, 40)
        + 'ー', 3, 1.15,
    ),
    'korean': Script(
        [*_CJK, 'unfonts-core/*.ttf', 'baekmuk/*.ttf'], _letters(0xAC00, 0xD7A3, 7), 3, 1.15
    ),
    'arabic': Script(
        ['fonts-hosny-amiri/*.ttf', 'fonts-arabeyes/*.ttf', 'NotoSansArabic-*.ttf',
         'NotoNaskhArabic-*.ttf', 'NotoKufiArabic-*.ttf'],
        'اابتثجحخدذرزسشصضطظعغفقكلمنهوييةىء', 4, 1.5,
    ),
    'devanagari': Script(
        ['NotoSansDevanagari-*.ttf', 'NotoSerifDevanagari-*.ttf', 'Gargi/*.ttf',
         'fonts-deva-extra/*.ttf'], 'कखगघचछजझटठडढणतथदधनपफबभमयरलवशषसह', 2, 1.5,
    ),
    'hebrew': Script(['NotoSansHebrew-*.ttf'], 'אבגדהוזחטיכלמנסעפצקרשת', 1, 1.5),
    'thai': Script(['NotoSansThai-*.ttf'], 'กขคงจฉชซดตถทธนบปผพมยรลวสหอฮ', 1, 1.5),
}  # fmt: skip
_WEIGHTS = [script.weight for script in SCRIPTS.values()]
_IN_BLOCKS = ('chinese', 'japanese', 'korean')  # of few letters
_WITH_CASE = ('latin', 'cyrillic', 'greek')
_NUMBERS = ('#', '#', '##', '##/##/####', '####-##-##', '##:##:##', '#.# cm', '##.#mm', '#######',
            'ID ######', 'MI #.#', '##%', '## Hz', '##dB')  # fmt: skip


@cache
def fonts_of(name: str) -> list[Path]:
    """Installed fonts of a script.

    Raises:
        FileNotFoundError: One of its patterns finds none.
    """
    found = []
    for pattern in SCRIPTS[name].fonts:
        paths = sorted(FONTS.rglob(pattern))
        if not paths:
            raise FileNotFoundError(f'no font like {pattern} in {FONTS}: install the packages')
        found += paths
    return found


def phrase(rng: random.Random, name: str) -> str:
    """One to three made-up words, or a number as scanners write them."""
    if name == 'numbers':
        pattern = rng.choice(_NUMBERS)
        return ''.join(rng.choice(string.digits) if sign == '#' else sign for sign in pattern)
    words = []
    for _ in range(rng.choice([1, 1, 1, 2, 2, 3])):
        count = rng.randint(1, 4) if name in _IN_BLOCKS else rng.randint(3, 9)
        if rng.random() < 0.1:
            count = rng.randint(1, 3)
        word = ''.join(rng.choice(SCRIPTS[name].letters) for _ in range(count))
        if name == 'devanagari':
            word = ''.join(sign + rng.choice(['', '', 'ा', 'ि', 'ी', 'े', 'ु', 'ं']) for sign in word)
        if name in _WITH_CASE:
            word = rng.choice([word.upper(), word.lower(), word.capitalize(), word.capitalize()])
        if rng.random() < 0.12:
            word += rng.choice('.,:;-')
        words.append(word)
    return ' '.join(words)


class Pen(NamedTuple):
    """How lines of one text are drawn.

    Attributes:
        script: Name of it.
        height: Of the letters, in pixels.
        font: A file and the number in it; None: strokes of OpenCV.
        hershey: Font of the strokes.
        thick: Pixels of the strokes.
        jagged: Without smooth edges.
    """

    script: str
    height: int
    font: tuple[str, int] | None
    hershey: int
    thick: int
    jagged: bool


def a_pen(rng: random.Random) -> Pen:
    """Draw one by lot."""
    script = rng.choices(list(SCRIPTS), _WEIGHTS)[0]
    height = round(math.exp(rng.uniform(*map(math.log, HEIGHTS))))
    strokes = script in ('latin', 'numbers') and rng.random() < 0.3
    path = str(rng.choice(fonts_of(script)))
    index = rng.randrange(5) if 'noto' in path and path.endswith('.ttc') else 0
    thick = 1 if height < 14 else rng.choice([1, 2, 2, 3])
    font = None if strokes else (path, index)
    return Pen(script, height, font, rng.choice(_HERSHEY), thick, rng.random() < 0.15)


def ink(rng: random.Random, pen: Pen) -> np.ndarray | None:
    """A line, upright, cut to its ink, uint8 [H, W]; None where it is empty or too large."""
    text = phrase(rng, pen.script)
    if pen.font is None:
        text = text.encode('ascii', 'ignore').decode() or 'A1'
        scale = cv2.getFontScaleFromHeight(pen.hershey, pen.height, pen.thick)
        (width, height), below = cv2.getTextSize(text, pen.hershey, scale, pen.thick)
        drawn = np.zeros((height + below + 8, width + 8), np.uint8)
        edge = cv2.LINE_8 if pen.jagged else cv2.LINE_AA
        cv2.putText(drawn, text, (4, height + 3), pen.hershey, scale, 255, pen.thick, edge)
    else:
        size = max(int(pen.height * SCRIPTS[pen.script].size), 8)
        font = ImageFont.truetype(pen.font[0], size, index=pen.font[1])
        left, top, right, bottom = font.getbbox(text)
        if right - left < 2 or bottom - top < 2:
            return None
        image = Image.new('L', (int(right - left) + 4, int(bottom - top) + 4))
        ImageDraw.Draw(image).text((2 - left, 2 - top), text, fill=255, font=font)
        drawn = np.asarray(image)
        if pen.jagged:
            drawn = np.where(drawn > 110, 255, 0).astype(np.uint8)
    rows, columns = np.nonzero(drawn > 100)
    if len(rows) < 4:
        return None
    cut = drawn[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return cut if cut.shape[0] <= 100 and cut.shape[1] <= 1500 else None
