"""Annotated clips as mp4, by PyAV."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from usfm_mm.io.atomic import atomic_path
from usfm_mm.io.optional import optional_import

_DEFAULT_RATE = 25.0  # of clips that do not tell theirs


@contextmanager
def clip_writer(path: Path, rate: float | None) -> Iterator[Any]:
    """Give a function that takes one frame after another, uint8 [H, W, 3] (RGB) of equal size.

    The clip is H.264 where the build of FFmpeg has it, else MPEG-4. Its sides are made even by
    repeating the last row or column, as both codecs need.

    Args:
        path: Where to, complete at the end of the block; missing folders are made.
        rate: Frames per second.
    """
    av = optional_import('av', 'writing clips', 'usfm-mm[infer]')
    path.parent.mkdir(parents=True, exist_ok=True)
    codec = 'libx264' if 'libx264' in av.codecs_available else 'mpeg4'
    with atomic_path(path) as temporary, av.open(str(temporary), 'w', format='mp4') as container:
        speed = Fraction(rate or _DEFAULT_RATE).limit_denominator(1000)
        stream = container.add_stream(codec, rate=speed)
        stream.pix_fmt = 'yuv420p'
        stream.codec_context.thread_count = 1  # the same bytes on any machine

        def add(image: np.ndarray) -> None:
            height, width = image.shape[:2]
            image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode='edge')
            if not stream.codec_context.is_open:
                stream.height, stream.width = image.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format='rgb24')))

        yield add
        container.mux(stream.encode(None))
