"""The pictures of an index that are like the one on the page."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from usfm_mm.inference.features import Encoder, FeatureTable, features_of, nearest
from usfm_mm.inference.frames import Frame, frames_of
from usfm_mm.page import markup
from usfm_mm.page.pixels import data_uri, shrunk

SHOWN = 6
_SIDE = 320


@dataclass(frozen=True)
class Index:
    """Features of pictures with the encoder that made them.

    Attributes:
        name: Of its file.
        encoder: From ``load_backbone``.
        table: From ``read_features``.
    """

    name: str
    encoder: Encoder
    table: FeatureTable


def alike(index: Index, frame: Frame) -> str:
    """The nearest pictures with their cosine, the nearest first.

    They are read where the index says that they lie; one that is not there any more, or cannot be
    read, is named without a picture.
    """
    [answer] = features_of(index.encoder, [frame], 1)
    [found] = nearest(index.table, np.stack([answer.vector]), SHOWN)
    pieces = []
    for near in found:
        pixels = _pixels(near.source, near.number)
        where = Path(near.source).name + (f', frame {near.number}' if near.number else '')
        line = f'{near.cosine:.4f} · {where}'
        if pixels is None:
            pieces.append(markup.note(f'{line} (the picture is not there)'))
        else:
            pieces.append(markup.picture(data_uri(shrunk(pixels, _SIDE)), line))
    shown = markup.picture(data_uri(shrunk(frame.pixels, _SIDE)), f'this picture: {frame.source}')
    return f'<div class="near"><div>{shown}</div><div class="three">{"".join(pieces)}</div></div>'


def _pixels(source: str, number: int) -> np.ndarray | None:
    try:
        return next(f.pixels for f in frames_of(source, _ignore) if f.number == number)
    except (OSError, ValueError, StopIteration):
        return None


def _ignore(*_: object) -> None:
    """A frame that cannot be read is not shown."""
