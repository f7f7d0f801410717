"""Where text is in a picture: a small network of our own, on ONNX Runtime, in the package.

It was trained on texts of eleven scripts, in four directions and in any grey, drawn into real and
made-up ultrasound pictures that have none: ``benchmarks/text_net``, which also says on which ones.
"""

import os
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from usfm_mm.database.readers.clip import Box
from usfm_mm.io.optional import optional_import

FILE = Path(__file__).with_name('text_net.onnx')
# The network gives one number for so many pixels a side, and halves what it sees four times.
_CELL, _STEP = 4, 16
# Black around the picture: text that touches the edge is found better with something beyond it.
_BORDER = 16
# Pixels. Smaller pictures are enlarged: their text was larger once. Larger ones are reduced: memory
# grows with the area, and their text is large.
_SHORT_SIDE, _MAX_ZOOM, _LONG_SIDE = 256, 3.0, 2000
# Where it is reduced: no side gets shorter than the first. What is smaller than the second was
# found at twice the size, and what has a lower mean is tissue: text had 0.90 and more.
_LEAST_SIDE, _LARGE, _CLEAR = 32, 14, 0.87
# Cells of one text are joined from this probability on.
_JOINED = 0.3


class Region(NamedTuple):
    """Where text may be.

    Attributes:
        box: Upright, in pixels of the picture, within it.
        highest: The highest probability of its cells, 0 to 1.
        mean: The mean of them.
        side: The shorter one, in pixels of the size that the picture was searched at.
    """

    box: Box
    highest: float
    mean: float
    side: float


def find_regions(image: np.ndarray) -> list[Region]:
    """Regions of a picture that may be text: words, lines, or lines that stand close together.

    Args:
        image: Grey uint8 [H, W]; a small one is enlarged, a large one reduced.
    """
    return _regions(image, _zoom(image))


def find_large_regions(image: np.ndarray) -> list[Region]:
    """Regions of letters that are too large for :func:`find_regions`, at a half and a quarter.

    Lines of smaller text look like one large region there: paint them over before.

    Args:
        image: Grey uint8 [H, W].
    """
    found = []
    for zoom in (_zoom(image) / 2, _zoom(image) / 4):
        if zoom * min(image.shape) >= _LEAST_SIDE:
            found += _regions(image, zoom)
    return [each for each in found if each.side > _LARGE and each.mean > _CLEAR]


def _zoom(image: np.ndarray) -> float:
    enlarged = float(np.clip(_SHORT_SIDE / min(image.shape), 1.0, _MAX_ZOOM))
    return min(enlarged, _LONG_SIDE / max(image.shape))


def _regions(image: np.ndarray, zoom: float) -> list[Region]:
    height, width = image.shape
    if zoom != 1:
        size = max(round(zoom * width), 1), max(round(zoom * height), 1)
        method = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
        image = cv2.resize(image, size, interpolation=method)
    probable = probabilities(image)
    count, cells, boxes, _ = cv2.connectedComponentsWithStats(
        (probable > _JOINED).astype(np.uint8), connectivity=8
    )
    found = []
    for number in range(1, count):
        left, top, cells_wide, cells_high = boxes[number, :4].tolist()
        right, bottom = left + cells_wide, top + cells_high
        inside = cells[top:bottom, left:right] == number
        ends = [round(_CELL * end / zoom) for end in (left, top, right, bottom)]
        box = Box(ends[0], ends[1], min(ends[2], width), min(ends[3], height))
        if box.width > 0 and box.height > 0:
            inner = probable[top:bottom, left:right][inside]
            side = zoom * min(box.width, box.height)
            found.append(Region(box, float(inner.max()), float(inner.mean()), side))
    return found


def probabilities(image: np.ndarray) -> np.ndarray:
    """How probable text is at each cell of 4 x 4 pixels.

    Args:
        image: Grey uint8 [H, W].

    Returns:
        float32 [ceil(H / 4), ceil(W / 4)], 0 to 1.
    """
    height, width = image.shape
    after = [_BORDER + -side % _STEP for side in image.shape]
    image = np.pad(image, ((_BORDER, after[0]), (_BORDER, after[1])))
    (found,) = _session().run(None, {'image': image[None, None].astype(np.float32) / 255})
    first = _BORDER // _CELL
    rows, columns = -(-height // _CELL), -(-width // _CELL)
    return found[0, 0, first : first + rows, first : first + columns]


@lru_cache(maxsize=1)
def _session() -> Any:
    """The network, loaded once per process, on one thread: workers are the parallelism."""
    # Without it, ONNX Runtime looks up its maker's host and writes a store of events; it reads the
    # variable when it is imported, here and in each worker.
    os.environ['ORT_DISABLE_TELEMETRY'] = '1'
    runtime = optional_import('onnxruntime', 'Finding burned-in text', 'usfm-mm[data]')
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return runtime.InferenceSession(str(FILE), options, providers=['CPUExecutionProvider'])
