"""Pieces of pictures with text drawn in, and where it is."""

import random

import cv2
import numpy as np

from benchmarks.text_net.pictures import (
    background,
    draw_flow,
    draw_graphics,
    paint_over_some,
)
from benchmarks.text_net.texts import a_pen, ink

SIDE = 256
# Grey levels between a text and what it stands on: less is not seen.
_LEAST_CONTRAST = 22
_APART = 3


def sample(rng: random.Random, pictures: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """A piece with none to six texts or blocks of text.

    Args:
        rng: Of all that is drawn by lot.
        pictures: Grey uint8 [H, W], without text.

    Returns:
        The piece, uint8 [256, 256], and the boxes of its lines as 255, uint8 [256, 256].
    """
    image = background(rng, pictures, SIDE)
    if rng.random() < 0.25:
        draw_graphics(rng, image)
    if rng.random() < 0.2:
        draw_flow(rng, image)
    if rng.random() < 0.25:
        image = paint_over_some(rng, image)
    lines = np.zeros_like(image)
    if rng.random() < 0.75:
        for _ in range(rng.randint(1, 6)):
            _write(rng, image, lines)
    return degrade(rng, image), lines


def degrade(rng: random.Random, image: np.ndarray) -> np.ndarray:
    """Blur, another scale, JPEG: what happens to pictures on their way."""
    kind = rng.random()
    if kind < 0.12:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 0.8))
    elif kind < 0.22:
        scale = rng.uniform(0.6, 0.95)
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        image = cv2.resize(small, image.shape[::-1], interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.25:
        quality = [cv2.IMWRITE_JPEG_QUALITY, rng.randint(35, 95)]
        coded = cv2.imencode('.jpg', image, quality)[1]
        image = np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE))
    return image


def _block(rng: random.Random) -> tuple[np.ndarray, np.ndarray] | None:
    """Ink, and the boxes of its lines, uint8 [H, W], turned by quarters; None for nothing."""
    pen = a_pen(rng)
    count = rng.randint(2, 5) if rng.random() < 0.12 and pen.height < 20 else 1
    drawn = [line for line in (ink(rng, pen) for _ in range(count)) if line is not None]
    if not drawn:
        return None
    gap = max(round(pen.height * rng.uniform(0.3, 1.0)), 2)
    width = max(line.shape[1] for line in drawn) + 2
    height = sum(len(line) for line in drawn) + gap * (len(drawn) - 1) + 2
    letters, boxes = np.zeros((height, width), np.uint8), np.zeros((height, width), np.uint8)
    top = 1
    for line in drawn:
        place = slice(top, top + len(line)), slice(1, 1 + line.shape[1])
        letters[place], boxes[place] = line, 255
        top += len(line) + gap
    if rng.random() < 0.15:  # not quite straight
        angle = rng.uniform(-6, 6)
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
        more = int(abs(np.sin(np.radians(angle))) * width) + 2
        turn = turn + np.array([[0, 0, 2], [0, 0, more / 2]])
        size = width + 4, height + more
        letters, boxes = (cv2.warpAffine(each, turn, size) for each in (letters, boxes))
    turns = rng.choices(range(4), [5, 2, 2, 2])[0]
    return np.rot90(letters, turns), np.rot90(boxes, turns)


def _place(rng: random.Random, length: int) -> int:
    """Where a block begins; now and then the edge cuts it."""
    if length < SIDE - 4 and rng.random() < 0.93:
        return rng.randint(2, SIDE - length - 2)
    return rng.randint(min(-length // 2, SIDE - length), max(SIDE - length // 2, 1))


def _write(rng: random.Random, image: np.ndarray, lines: np.ndarray) -> None:
    block = _block(rng)
    if block is None:
        return
    letters, boxes = block
    top, left = _place(rng, letters.shape[0]), _place(rng, letters.shape[1])
    rows = slice(max(top, 0), min(top + letters.shape[0], SIDE))
    columns = slice(max(left, 0), min(left + letters.shape[1], SIDE))
    if rows.stop - rows.start < 4 or columns.stop - columns.start < 4:
        return
    around = (
        slice(max(rows.start - _APART, 0), rows.stop + _APART),
        slice(max(columns.start - _APART, 0), columns.stop + _APART),
    )
    if lines[around].any():
        return
    cut = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
    letters, boxes = letters[cut].astype(np.float32) / 255, boxes[cut]
    if not boxes.any():
        return
    ground: np.ndarray = image[rows, columns].astype(np.float32)
    mean = float(ground[boxes > 0].mean())
    grey = _grey(rng, mean)
    if abs(grey - mean) < _LEAST_CONTRAST:
        return
    opposite, kind = 0 if grey > 110 else 255, rng.random()
    if kind < 0.08:  # on a plate
        plate = boxes.astype(np.float32) / 255
        ground = ground * (1 - plate) + rng.choice([opposite, abs(opposite - 40)]) * plate
    elif kind < 0.2:  # with an outline
        outline = 0.9 * cv2.dilate(letters, np.ones((3, 3)))
        ground = ground * (1 - outline) + opposite * outline
    written = ground * (1 - letters) + grey * letters
    image[rows, columns] = np.clip(np.rint(written), 0, 255).astype(np.uint8)
    lines[rows, columns] |= boxes


def _grey(rng: random.Random, mean: float) -> float:
    kind = rng.random()
    if kind < 0.3:
        return 255.0
    if kind < 0.7:
        return min(mean + rng.uniform(70, 150), 255)
    if kind < 0.85:  # faint
        return min(mean + rng.uniform(28, 70), 255)
    return max(mean - rng.uniform(70, 200), 0) if mean > 90 else rng.uniform(160, 255)
