"""Where a classification looks: what hiding parts of the picture does to its score."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from usfm_mm.inference.frames import Frame, Pictures, Report, frames_of
from usfm_mm.inference.predict import Model, check_models, check_options, classify_frames
from usfm_mm.inference.prepare import prepare


@dataclass(frozen=True)
class Occlusion:
    """What the parts of a frame, H x W pixels, do for its likeliest class.

    Attributes:
        frame: What was looked at.
        label: The likeliest class.
        drop: By how much the score of the class falls when the part is hidden, float32 [H, W];
            negative where it rises.
    """

    frame: Frame
    label: str
    drop: np.ndarray


def occlude(
    model: Model,
    pictures: Pictures,
    grid: int = 7,
    batch_size: int = 16,
    report: Report | None = None,
) -> Iterator[Occlusion]:
    """Hide one part after another under the picture's mean, and see what becomes of the score.

    Any network can be asked so, and what is said is what the network does, not what moves it: a
    part may matter only together with another one.

    Args:
        model: Of classification.
        pictures: As :func:`~usfm_mm.inference.frames.frames_of` takes them.
        grid: Parts along each side; the network is asked ``grid ** 2`` times about each picture.
        batch_size: Images per call of the network.
        report: As in :func:`~usfm_mm.inference.frames.frames_of`.

    Raises:
        ValueError: The model is for another task, ``grid`` is below 2 or more than the image of
            the model has pixels, or a picture cannot be read.
    """
    [one] = check_models(model, 'classify')
    check_options(batch_size)
    if not 2 <= grid <= min(one.card.image_size):
        raise ValueError(f'grid must be 2 to {min(one.card.image_size)}, got {grid}')
    return (_occlude(one, frame, grid, batch_size) for frame in frames_of(pictures, report))


def _occlude(model: Model, frame: Frame, grid: int, batch_size: int) -> Occlusion:
    [answer] = classify_frames([model], [frame], 1, False, None)
    label = answer.label
    assert label is not None  # there is no threshold
    image = prepare(frame.pixels, model.card)
    parts = parts_of(image.shape[1:], grid)
    mean = image.mean(axis=(1, 2), keepdims=True)
    column = list(answer.scores).index(label)
    scores = []
    for start in range(0, len(parts), batch_size):
        hidden = np.stack(
            [np.where(part, mean, image).astype(np.uint8) for part in parts[start:][:batch_size]]
        )
        scores += model(hidden)[:, column].tolist()
    drops = np.float32(answer.scores[label]) - np.array(scores, np.float32).reshape(grid, grid)
    height, width = frame.pixels.shape[:2]
    drop = cv2.resize(drops, (width, height), interpolation=cv2.INTER_LINEAR)
    return Occlusion(frame, label, drop)


def parts_of(size: tuple[int, ...], grid: int) -> list[np.ndarray]:
    """The parts of a grid over an image, row by row, as masks bool [H, W].

    Example:
        >>> [int(part.sum()) for part in parts_of((5, 4), 2)]
        [4, 4, 6, 6]
    """
    rows, columns = (np.linspace(0, side, grid + 1).astype(int) for side in size)
    masks = []
    for top, bottom in zip(rows[:-1], rows[1:], strict=True):
        for left, right in zip(columns[:-1], columns[1:], strict=True):
            mask = np.zeros(size, bool)
            mask[top:bottom, left:right] = True
            masks.append(mask)
    return masks
