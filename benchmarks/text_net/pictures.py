"""Pictures that text is drawn into, and what else is drawn on a screen."""

import random
import zlib
from pathlib import Path

import cv2
import numpy as np

from usfm_mm.io.image import read_grey

PATTERNS = ('HC18/training_set/*HC.png', 'USGRA/dataset/**/images/*.png', 'PICMUS/**/*.png')
_FRAMES = 8
_READ = 0.7


def is_trained_on(path: Path) -> bool:
    """Whether a file is for training, not for tests: of HC18 half, told by the name's CRC-32."""
    return '_HC' not in path.name or zlib.crc32(path.name.encode()) % 2 == 1


def load(data: Path) -> list[np.ndarray]:
    """Grey pictures, uint8 [H, W], in a fixed order; some have text, which :func:`clean` finds."""
    files = [path for pattern in PATTERNS for path in sorted(data.glob(pattern))]
    files += sorted((data / 'TimTrack').rglob('*.png'))[::2]
    found = [read_grey(path) for path in files if is_trained_on(path)]
    for path in sorted((data / 'POCUS').rglob('Reg*')):
        video = cv2.VideoCapture(str(path))
        count = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
        for number in range(0, count, max(count // _FRAMES, 1)):
            video.set(cv2.CAP_PROP_POS_FRAMES, number)
            done, frame = video.read()
            if done:
                found.append(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY))
    return found


def clean(pictures: list[np.ndarray]) -> list[np.ndarray]:
    """Those in which another reader, PP-OCRv4, reads no word; what it only suspects is none."""
    from rapidocr_onnxruntime import RapidOCR

    reader = RapidOCR()
    kept = []
    for picture in pictures:
        zoom = float(np.clip(736 / min(picture.shape), 1, 3))
        larger = cv2.resize(picture, None, fx=zoom, fy=zoom)
        lines, _ = reader(cv2.cvtColor(larger, cv2.COLOR_GRAY2BGR))
        if not any(len(text) > 2 and float(score) > _READ for _, text, score in lines or ()):
            kept.append(picture)
    return kept


def speckle(rng: random.Random, side: int) -> np.ndarray:
    """Made-up tissue: the envelope of noise, mostly compressed, with a slow change of level."""
    numbers = np.random.default_rng(rng.randrange(2**31))
    alike = rng.random() < 0.5
    across = rng.uniform(0.6, 5)
    down = across if alike else rng.uniform(0.6, 2.5)
    parts = [numbers.normal(size=(side, side)).astype(np.float32) for _ in range(3)]
    real, imaginary = (
        cv2.GaussianBlur(part, (0, 0), sigmaX=across, sigmaY=down) for part in parts[:2]
    )
    envelope = np.hypot(real, imaginary)
    slow = cv2.GaussianBlur(parts[2], (0, 0), rng.uniform(8, 40))
    if rng.random() < 0.4:
        linear = envelope / envelope.mean() * np.exp(slow / (slow.std() + 1e-6) * rng.uniform(0, 1))
        return np.clip(linear * rng.uniform(25, 110), 0, 255).astype(np.uint8)
    decibels = 20 * np.log10(envelope / envelope.mean() + 1e-3)
    decibels += slow / (slow.std() + 1e-6) * rng.uniform(0, 12)
    span = rng.uniform(30, 70)
    return np.clip((decibels / span + rng.uniform(0.4, 0.9)) * 255, 0, 255).astype(np.uint8)


def background(rng: random.Random, pictures: list[np.ndarray], side: int) -> np.ndarray:
    """A piece of tissue or screen without text, uint8 [side, side]."""
    kind = rng.random()
    if kind < 0.2:
        image = speckle(rng, side)
    elif kind < 0.24:
        image = np.full((side, side), rng.choice([0, 0, rng.randrange(256)]), np.uint8)
    else:
        image = _cut(rng, rng.choice(pictures), side)
    if rng.random() < 0.5:  # another gain and another curve of grey levels
        levels = (np.arange(256) / 255) ** np.exp(rng.uniform(-0.5, 0.5)) * rng.uniform(0.7, 1.3)
        image = np.clip(255 * levels, 0, 255).astype(np.uint8)[image]
    if rng.random() < 0.15:  # the margin of a screen
        turns, width = rng.randrange(4), rng.randint(10, 90)
        image = np.rot90(image, turns).copy()
        image[:width] = rng.choice([0, 0, 0, 20])
        image = np.rot90(image, -turns)
    if rng.random() < 0.25:  # black around, as the search adds
        image = np.ascontiguousarray(image)
        for turns in range(4):
            if rng.random() < 0.6:
                np.rot90(image, turns)[: rng.choice([16, 16, rng.randint(4, 30)])] = 0
    return np.ascontiguousarray(image)


def _cut(rng: random.Random, picture: np.ndarray, side: int) -> np.ndarray:
    scale = float(np.exp(rng.uniform(np.log(0.6), np.log(3.0))))
    if rng.random() < 0.25:  # it was reduced to a thumbnail, and perhaps enlarged again
        scale = rng.uniform(56, 160) / min(picture.shape)
        if rng.random() < 0.4:
            picture = _resized(picture, scale, scale)
            scale = rng.choice([2.0, 3.0, rng.uniform(1.5, 4)])
    picture = _resized(picture, scale * rng.uniform(0.85, 1.15), scale)
    missing = [(0, max(side - length, 0)) for length in picture.shape]
    if any(after for _, after in missing):
        mirrored = rng.random() < 0.6
        picture = np.pad(picture, missing, mode='symmetric' if mirrored else 'constant')
    if rng.random() < 0.15:
        picture = np.pad(picture, rng.randint(10, 80))
    top, left = (rng.randint(0, length - side) for length in picture.shape)
    image = picture[top : top + side, left : left + side]
    if rng.random() < 0.5:
        image = image[:, ::-1]
    return np.rot90(image, rng.randrange(4)) if rng.random() < 0.2 else image


def _resized(picture: np.ndarray, across: float, down: float) -> np.ndarray:
    method = cv2.INTER_AREA if down < 1 else cv2.INTER_LINEAR
    return cv2.resize(picture, None, fx=across, fy=down, interpolation=method)


def draw_flow(rng: random.Random, image: np.ndarray) -> None:
    """Bright branches and spots in an ellipse, in place: flow as Doppler shows it, turned grey."""
    side = len(image)
    noise = np.random.default_rng(rng.randrange(2**31)).normal(size=(side, side))
    across, down = rng.uniform(1, 6), rng.uniform(1, 6)
    smooth = cv2.GaussianBlur(noise.astype(np.float32), (0, 0), sigmaX=across, sigmaY=down)
    flow = smooth > smooth.std() * rng.uniform(0.5, 1.8)
    within = np.zeros_like(image)
    axes = rng.randint(20, side // 2), rng.randint(10, side // 3)
    centre = rng.randrange(side), rng.randrange(side)
    cv2.ellipse(within, centre, axes, rng.randrange(180), 0, 360, 1, -1)
    flow &= within > 0
    level = smooth / smooth.max() * rng.uniform(0, 120) + rng.uniform(90, 220)
    image[flow] = np.clip(level, 0, 255).astype(np.uint8)[flow]


def paint_over_some(rng: random.Random, image: np.ndarray) -> np.ndarray:
    """A copy with boxes filled from around, as text that was found is: what is left is no text."""
    holes = np.zeros_like(image)
    for _ in range(rng.randint(1, 3)):
        sides = rng.randint(8, 44), rng.randint(12, 160)
        height, width = sides if rng.random() < 0.7 else sides[::-1]
        top, left = (rng.randint(-4, len(image) - 8) for _ in '12')
        holes[max(top, 0) : top + height, max(left, 0) : left + width] = 255
    return cv2.inpaint(image, holes, 3, cv2.INPAINT_TELEA)


def draw_graphics(rng: random.Random, image: np.ndarray) -> None:
    """What is drawn on screens and is no text, in place: callipers, rulers, curves, grey scales."""
    side = len(image)
    grey = rng.choice([255, 255, 200, 150, rng.randrange(60, 256)])

    def point() -> tuple[int, int]:
        return rng.randrange(side), rng.randrange(side)

    for _ in range(rng.randint(1, 3)):
        kind, (x, y), (to_x, to_y), arm = rng.randrange(8), point(), point(), rng.randint(3, 8)
        if kind == 0:
            cv2.drawMarker(image, (x, y), grey, cv2.MARKER_CROSS, 2 * arm)
        elif kind == 1:
            cv2.drawMarker(image, (x, y), grey, cv2.MARKER_TILTED_CROSS, 2 * arm)
        elif kind == 2:
            count = rng.randint(8, 40)
            for step in range(count):
                dot = round(x + (to_x - x) * step / count), round(y + (to_y - y) * step / count)
                cv2.circle(image, dot, rng.choice([0, 1]), grey, -1)
        elif kind == 3:
            for step, tick in enumerate(range(0, side, rng.randint(5, 25))):
                cv2.line(image, (x, tick), (x + (6 if step % 5 == 0 else 3), tick), grey, 1)
        elif kind == 4:
            cv2.line(image, (x, y), (to_x, to_y), grey, rng.choice([1, 1, 2]))
        elif kind == 5:
            axes = rng.randint(5, 80), rng.randint(5, 80)
            cv2.ellipse(image, (x, y), axes, rng.randrange(180), 0, 360, grey, 1)
        elif kind == 6:
            width, height = rng.randint(6, 16), rng.randint(40, 150)
            top, left = rng.randrange(side - height), rng.randrange(side - width)
            bar = np.linspace(255, 0, height)[:, None].astype(np.uint8)
            image[top : top + height, left : left + width] = bar
        else:
            steps = np.random.default_rng(rng.randrange(2**31)).normal(0, 2, side // 2)
            curve = np.stack([np.arange(0, side, 2)[: len(steps)], y + np.cumsum(steps)], 1)
            cv2.polylines(image, [curve.astype(np.int32)], False, grey, 1)
