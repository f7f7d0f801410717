"""Make the demo's images: usfm demo-data data/demo.

pydicom's wheel ships three real ultrasound files, 32 frames in all. Each is cropped to the picture
by a box chosen by eye, so that no screen text is left, and stored as the paper stores its images:
256x256, bilinear, grey, 8-bit PNG without compression (3.1).
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from pydicom import examples
from pydicom.pixels import apply_color_lut, pixel_array

# organ, name in pydicom.examples, box (left, top, right, bottom) in pixels
SOURCES = [
    ('heart', 'ybr_color', (44, 26, 284, 206)),
    ('lymph_node', 'rgb_color', (24, 56, 296, 166)),
    ('phantom', 'palette_color', (335, 66, 590, 270)),
]


def read_frames(name: str) -> np.ndarray:
    """Frames of a pydicom example as RGB, ``[N, H, W, 3]`` uint8."""
    dataset = getattr(examples, name)
    pixels = pixel_array(dataset)  # YBR is returned as RGB
    if dataset.PhotometricInterpretation == 'PALETTE COLOR':
        pixels = (apply_color_lut(pixels, dataset) >> 8).astype(np.uint8)
    return pixels if pixels.ndim == 4 else pixels[None]


def main(argv: Sequence[str] | None = None) -> None:
    """Write the images."""
    parser = argparse.ArgumentParser(description='Make the images of the demo.')
    parser.add_argument('out', type=Path, help='folder to write to')
    out = parser.parse_args(argv).out
    for organ, name, (left, top, right, bottom) in SOURCES:
        (out / organ).mkdir(parents=True, exist_ok=True)
        for i, frame in enumerate(read_frames(name)):
            picture = cv2.cvtColor(frame[top:bottom, left:right], cv2.COLOR_RGB2GRAY)
            picture = cv2.resize(picture, (256, 256), interpolation=cv2.INTER_LINEAR)
            path = out / organ / f'{name}_{i:02d}.png'
            if not cv2.imwrite(str(path), picture, [cv2.IMWRITE_PNG_COMPRESSION, 0]):
                raise OSError(f'{path}: cannot write')
    print(f'{sum(1 for _ in out.rglob("*.png"))} images in {out}')
