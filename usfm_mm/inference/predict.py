"""Segmentation, classification and enhancement of pictures by models of any runtime."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from usfm_mm.inference.answers import Classification, Enhancement, Measurement, Segmentation
from usfm_mm.inference.clips import ask_clip, clips_of
from usfm_mm.inference.combine import answer_of, combine
from usfm_mm.inference.frames import Frame, Pictures, Report, batches, frames_of
from usfm_mm.inference.geometry import grey_at, mask_of, probabilities_at
from usfm_mm.inference.prepare import prepare


class Model(Protocol):
    """A network with its card: from ``load_model``, or of another runtime.

    Called with uint8 [B, C, height, width], it gives float32: probabilities [B, K, height, width]
    of a segmentation and [B, K] of a classification, images [B, C, height, width] in [0, 1] of an
    enhancement.
    """

    @property
    def card(self) -> Any:
        """Of :class:`usfm_mm.io.card.Card`."""

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Answer about a batch."""


def segment(
    models: Model | Sequence[Model],
    pictures: Pictures,
    batch_size: int = 16,
    flip: bool = False,
    threshold: float | None = None,
    report: Report | None = None,
) -> Iterator[Segmentation]:
    """Segment pictures; masks and probabilities have each picture's own height and width.

    Answers come one by one, in the order of the pictures, while these are read batch by batch.

    Args:
        models: One, or several as an ensemble: the mean of their probabilities, with its
            uncertainty.
        pictures: As :func:`~usfm_mm.inference.frames.frames_of` takes them.
        batch_size: Images per call of the network.
        flip: Average over the picture and its mirror image (left and right).
        threshold: 0 to 1; see :func:`~usfm_mm.inference.geometry.mask_of`.
        report: As in :func:`~usfm_mm.inference.frames.frames_of`.

    Raises:
        ValueError: A model is for another task, models have other classes, an option is out of
            range, or a picture cannot be read.

    Example:
        .. code-block:: python

            model = load_model('fetal_head.pth')
            for answer in segment(model, 'scans/*.dcm'):
                print(answer.frame.source, answer.frame.number, answer.areas_mm2)
    """
    ensemble = check_models(models, 'segment')
    check_options(batch_size, threshold)
    return segment_frames(ensemble, frames_of(pictures, report), batch_size, flip, threshold)


def segment_frames(
    ensemble: Sequence[Model],
    frames: Iterable[Frame],
    batch_size: int,
    flip: bool,
    threshold: float | None,
) -> Iterator[Segmentation]:
    """As :func:`segment`, of frames that were read."""
    classes = tuple(ensemble[0].card.classes)
    for batch in batches(frames, batch_size):
        outputs = [run(model, batch, flip, mirrored=True) for model in ensemble]
        for number, frame in enumerate(batch):
            size = frame.pixels.shape[:2]
            several = [probabilities_at(output[number], size) for output in outputs]
            probabilities, uncertainty = combine(several)
            mask = mask_of(probabilities, threshold)
            yield Segmentation(frame, classes, mask, probabilities, uncertainty)


def classify(
    models: Model | Sequence[Model],
    pictures: Pictures,
    batch_size: int = 16,
    flip: bool = False,
    threshold: float | None = None,
    report: Report | None = None,
) -> Iterator[Classification | Measurement]:
    """Classify pictures; arguments and errors are those of :func:`segment`.

    A model of clips answers once about each source: from frames that are spread evenly over it. A
    model of numbers gives measurements.

    Args:
        models: See there.
        pictures: See there.
        batch_size: See there.
        flip: See there.
        threshold: 0 to 1; where the likeliest class does not reach it, the label is None; of
            several findings those that reach it are there, by default 0.5.
        report: See there.
    """
    ensemble = check_models(models, 'classify')
    check_options(batch_size, threshold)
    return classify_frames(ensemble, frames_of(pictures, report), batch_size, flip, threshold)


def classify_frames(
    ensemble: Sequence[Model],
    frames: Iterable[Frame],
    batch_size: int,
    flip: bool,
    threshold: float | None,
) -> Iterator[Classification | Measurement]:
    """As :func:`classify`, of frames that were read."""
    card = ensemble[0].card
    if card.clip_frames:
        for clip in clips_of(frames, card):
            outputs = [ask_clip(model, clip.images, flip) for model in ensemble]
            yield answer_of(card, clip.first, outputs, threshold, len(clip.images))
        return
    for batch in batches(frames, batch_size):
        found = [run(model, batch, flip) for model in ensemble]
        for number, frame in enumerate(batch):
            yield answer_of(card, frame, [output[number] for output in found], threshold)


def enhance(
    model: Model,
    pictures: Pictures,
    batch_size: int = 16,
    flip: bool = False,
    report: Report | None = None,
) -> Iterator[Enhancement]:
    """Enhance pictures; the images are grey and have each picture's own height and width.

    The network sees them at its own size, as in training, and so no finer detail is made.
    Arguments and errors are those of :func:`segment`.
    """
    [one] = check_models(model, 'enhance')
    check_options(batch_size)
    return enhance_frames(one, frames_of(pictures, report), batch_size, flip)


def enhance_frames(
    model: Model, frames: Iterable[Frame], batch_size: int, flip: bool
) -> Iterator[Enhancement]:
    """As :func:`enhance`, of frames that were read."""
    for batch in batches(frames, batch_size):
        images = run(model, batch, flip, mirrored=True)
        for frame, image in zip(batch, images, strict=True):
            yield Enhancement(frame, grey_at(image, frame.pixels.shape[:2]))


def run(model: Model, batch: list[Frame], flip: bool, mirrored: bool = False) -> np.ndarray:
    """A network's answers about frames.

    Args:
        model: See :class:`Model`.
        batch: At least one frame.
        flip: Average with the answers about the mirror images.
        mirrored: The answer about a mirror image is an image that has to be turned back.
    """
    images = np.stack([prepare(frame.pixels, model.card) for frame in batch])
    answers = model(images)
    if flip:
        others = model(np.ascontiguousarray(images[..., ::-1]))
        answers = (answers + (others[..., ::-1] if mirrored else others)) / 2
    return answers


def check_models(models: Model | Sequence[Model], task: str) -> list[Model]:
    """Models as a list.

    Raises:
        ValueError: There is none, one is for another task, or they have other classes.
    """
    ensemble = list(models) if isinstance(models, Sequence) else [models]
    if not ensemble:
        raise ValueError('an ensemble needs at least one model')
    for model in ensemble:
        if model.card.task != task:
            raise ValueError(f'a model for {model.card.task!r} cannot {task}')
        for name in ('kind', 'clip_frames'):
            if getattr(model.card, name) != getattr(ensemble[0].card, name):
                raise ValueError(f'models of an ensemble need the same {name} in their cards')
        if list(model.card.classes) != list(ensemble[0].card.classes):
            raise ValueError(
                f'models of an ensemble need the same classes, got {ensemble[0].card.classes} '
                f'and {model.card.classes}'
            )
    return ensemble


def check_options(batch_size: int, threshold: float | None = None) -> None:
    """Refuse what is out of range.

    Raises:
        ValueError: Naming the option.
    """
    if batch_size < 1:
        raise ValueError(f'batch_size must be at least 1, got {batch_size}')
    if threshold is not None and not 0 <= threshold <= 1:
        raise ValueError(f'threshold must be in 0 to 1, got {threshold}')
