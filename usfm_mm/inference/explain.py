"""Where a classification looks: what hiding parts does to its score, and what it attends to."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from usfm_mm.inference.answers import Classification
from usfm_mm.inference.frames import Frame, Pictures, Report, frames_of
from usfm_mm.inference.predict import Model, check_models, check_options, classify_frames
from usfm_mm.inference.prepare import prepare

_GRID = 7
METHODS = ('occlusion', 'rollout')
"""Of explaining a classification."""


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
    grid: int = _GRID,
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
    check_explainable(one)
    if not 2 <= grid <= min(one.card.image_size):
        raise ValueError(f'grid must be 2 to {min(one.card.image_size)}, got {grid}')
    return (_occlude(one, frame, grid, batch_size) for frame in frames_of(pictures, report))


def _occlude(model: Model, frame: Frame, grid: int, batch_size: int) -> Occlusion:
    [answer] = _classified(model, [frame], 1)
    label = _likeliest(answer)
    return Occlusion(frame, label, drop_of(model, answer, grid, batch_size))


def drop_of(model: Model, answer: Classification, grid: int, batch_size: int) -> np.ndarray:
    """By how much the likeliest class's score falls under each part, float32 [H, W]."""
    pixels, label = answer.frame.pixels, _likeliest(answer)
    image = prepare(pixels, model.card)
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
    return _at(drops, pixels)


@dataclass(frozen=True)
class Rollout:
    """How much the parts of a frame, H x W pixels, go into what the classifier sees.

    Attributes:
        frame: What was looked at.
        label: The likeliest class; the map is the same for all.
        share: float32 [H, W], 1 where a part has an even share.
    """

    frame: Frame
    label: str
    share: np.ndarray


def rollout(
    model: Model, pictures: Pictures, batch_size: int = 16, report: Report | None = None
) -> Iterator[Rollout]:
    """Follow the attention through the blocks: what the network looks at, whatever it concludes.

    One call of the network for each picture, where :func:`occlude` takes many; but attention is no
    proof of effect, and what values and MLPs do is not seen.

    Args:
        model: Of classification, with our encoder, from its checkpoint.
        pictures: As :func:`~usfm_mm.inference.frames.frames_of` takes them.
        batch_size: Images per call of the network.
        report: As in :func:`~usfm_mm.inference.frames.frames_of`.

    Raises:
        ValueError: The model is for another task, exported or of another encoder, or a picture
            cannot be read.
    """
    [one] = check_models(model, 'classify')
    check_options(batch_size)
    check_rollout(one)
    answers = _classified(one, frames_of(pictures, report), batch_size)
    return (
        Rollout(answer.frame, _likeliest(answer), share_of(one, answer.frame)) for answer in answers
    )


def check_rollout(model: Any) -> None:
    """Refuse a model whose attention cannot be followed.

    Raises:
        ValueError: It is exported, or has another encoder.
    """
    check_explainable(model)
    height, width = model.card.image_size
    model.shares(np.zeros((1, model.card.channels, height, width), np.uint8))


def share_of(model: Any, frame: Frame) -> np.ndarray:
    """See :class:`Rollout`."""
    return _at(model.shares(prepare(frame.pixels, model.card)[None])[0], frame.pixels)


def explain_answers(
    model: Model, answers: Iterable[Classification], method: str, batch_size: int
) -> Iterator[Classification]:
    """Answers with their explanation: by ``'occlusion'`` the drop, by ``'rollout'`` share - 1."""
    for answer in answers:
        if method == 'occlusion':
            values = drop_of(model, answer, _GRID, batch_size)
        else:
            values = share_of(model, answer.frame) - 1
        yield replace(answer, explanation=values)


def check_explainable(model: Any) -> None:
    """Refuse a model whose answers are not explained.

    Raises:
        ValueError: It is of clips, of several findings or of numbers.
    """
    if model.card.kind != 'class' or model.card.clip_frames:
        raise ValueError('only answers of one class about single images are explained')


def _classified(model: Model, frames: Iterable[Frame], size: int) -> Iterator[Classification]:
    for answer in classify_frames([model], frames, size, False, None):
        assert isinstance(answer, Classification)
        yield answer


def _likeliest(answer: Classification) -> str:
    return max(answer.scores, key=lambda name: answer.scores[name])


def _at(values: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    return cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR)


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
