"""Sources as clips: the frames of each that a model of clips looks at."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from usfm_mm.inference.frames import Frame
from usfm_mm.inference.prepare import prepare, with_channels
from usfm_mm.sampling import spread_evenly


@dataclass(frozen=True)
class Clip:
    """What a model of clips sees of a source: uint8 [N, C, height, width], and its first frame."""

    images: np.ndarray
    first: Frame


def clips_of(frames: Iterable[Frame], card: Any) -> Iterator[Clip]:
    """One clip of each source; the frames of a source follow each other.

    Args:
        frames: Of all sources.
        card: Of the model: how many frames, spread evenly over those that can be read.
    """
    for _, own in groupby(frames, key=lambda frame: frame.source):
        first, images = None, []
        for frame in own:
            first = first or frame
            # Grey, as they are in training; small at once, a clip may have thousands of frames.
            images.append(prepare(with_channels(frame.pixels, 1), card))
        assert first is not None  # groupby has no empty group
        chosen = spread_evenly(len(images), card.clip_frames)
        yield Clip(np.stack([images[number] for number in chosen]), first)


def ask_clip(model: Any, images: np.ndarray, flip: bool) -> np.ndarray:
    """A network's answer about a clip, [K].

    Args:
        model: With ``ask_clip``.
        images: uint8 [N, C, height, width].
        flip: Average with the answer about the mirror images.

    Raises:
        ValueError: The model cannot be asked about clips.
    """
    if not hasattr(model, 'ask_clip'):
        raise ValueError('an exported model cannot be asked about clips: take the checkpoint')
    answer = model.ask_clip(images)
    if flip:
        answer = (answer + model.ask_clip(np.ascontiguousarray(images[..., ::-1]))) / 2
    return answer
