"""The OCR: PP-OCRv4 on ONNX Runtime, models in the wheel."""

import os
from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np

from usfm_mm.io.optional import optional_import


class Line(NamedTuple):
    """A line of text that the detector found: corners float32 [4, 2], x and y; score, 0 to 1."""

    corners: np.ndarray
    score: float


def detect(image: np.ndarray) -> list[Line]:
    """Lines of text in a picture, grey uint8 [H, W], without reading them."""
    ocr = _engine()
    pixels, zoom_y, zoom_x = ocr.preprocess(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR))
    # Very flat pictures are padded to what the network takes.
    pixels, padding = ocr.maybe_add_letterbox(pixels, {})
    detector = ocr.text_det
    detector.preprocess_op = detector.get_preprocess(max(pixels.shape[:2]))
    found = detector.infer(detector.preprocess_op(pixels))[0]
    shift, scale = np.array([0, padding['padding_1']['top']]), np.array([zoom_x, zoom_y])
    lines = []
    for corners, score in zip(*detector.postprocess_op(found, pixels.shape[:2]), strict=True):
        for filtered in detector.filter_tag_det_res([corners], pixels.shape[:2]):
            points = (filtered - shift) * scale
            lines.append(Line(points.astype(np.float32), float(score)))
    return lines


def read(image: np.ndarray, line: Line, upside_down: bool) -> tuple[str, float]:
    """Characters of a line, and the recognition's score, 0 to 1.

    A line that stands upright is read from the bottom to the top, or from the top if upside down.

    Args:
        image: As for :func:`detect`.
        line: One of its lines.
        upside_down: Whether the line is turned by 180° before it is read.
    """
    ocr = _engine()
    (crop,) = ocr.get_crop_img_list(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), line.corners[None])
    if upside_down:
        crop = cv2.rotate(crop, cv2.ROTATE_180)
    ((characters, score, *_),), _ = ocr.text_rec([np.ascontiguousarray(crop)], False)
    return characters.strip(), float(score)


@lru_cache(maxsize=1)
def _engine() -> Any:
    """The OCR, loaded once per process, on one thread: workers are the parallelism."""
    # Without it, ONNX Runtime looks up its maker's host and writes a store of events; it reads the
    # variable when it is imported, here and in each worker.
    os.environ['ORT_DISABLE_TELEMETRY'] = '1'
    ocr = optional_import('rapidocr_onnxruntime', 'Finding burned-in text', 'usfm-mm[data]')
    # A limit on the longest side that is never reached: `find_text` sets the scale.
    return ocr.RapidOCR(
        intra_op_num_threads=1,
        inter_op_num_threads=1,
        det_limit_type='max',
        det_limit_side_len=100_000,
    )
