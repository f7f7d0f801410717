"""How far apart copies of an image and different images are, in bits of the perceptual hash.

    python -m benchmarks.near_duplicates [--source ../shared/data]

The source's manifest.csv tells the data set and the group (patient, scene or clip) of each image.
Copies are made of every image at 256x256. Of pairs of different images, those that are nearest are
counted: a pair within a group is of one patient or clip, as neighbouring frames are.
"""

import argparse
import csv
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from usfm_mm.database.likeness import perceptual_hash
from usfm_mm.database.near import near_pairs
from usfm_mm.io.image import decode_grey, read_grey

SIZE = (256, 256)
BITS = (8, 12, 16, 20, 24, 32, 40)


def _jpeg(quality: int) -> Callable[[np.ndarray], np.ndarray]:
    def copy(image: np.ndarray) -> np.ndarray:
        data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return decode_grey(data.tobytes())

    return copy


def _gamma(value: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda image: np.round(255 * (image / 255) ** value).astype(np.uint8)


def _cut(pixels: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda image: cv2.resize(image[pixels:-pixels, pixels:-pixels], SIZE)


COPIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    'JPEG, quality 50': _jpeg(50),
    'JPEG, quality 20': _jpeg(20),
    'half the size': lambda image: cv2.resize(image, (128, 128), interpolation=cv2.INTER_AREA),
    'brighter, x 1.2 + 8': lambda image: cv2.convertScaleAbs(image, alpha=1.2, beta=8),
    **{f'gamma {value}': _gamma(value) for value in (0.7, 0.8, 1.25, 1.5)},
    '1 % cut off each side': _cut(3),
    'text burned in': lambda image: cv2.putText(
        image.copy(), 'LEFT 3 CM', (10, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 1
    ),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--source', type=Path, default=Path('../shared/data'))
    source = parser.parse_args().source
    with open(source / 'manifest.csv', newline='', encoding='utf-8') as file:
        rows = [row for row in csv.DictReader(file) if row['file'].endswith('.png')]
    images = [cv2.resize(read_grey(source / row['file']), SIZE) for row in rows]
    hashes = np.array([np.frombuffer(perceptual_hash(image), np.uint8) for image in images])
    console = Console(width=120)

    table = Table('copy', title=f'Bits between an image and its copy, {len(images)} images')
    for column in ('median', '90 %', '99 %', 'most', 'within 16'):
        table.add_column(column, justify='right')
    for name, copy in COPIES.items():
        copies = np.array([np.frombuffer(perceptual_hash(copy(i)), np.uint8) for i in images])
        bits = np.unpackbits(hashes ^ copies, axis=1).sum(1)
        shares = (f'{value:.0f}' for value in np.percentile(bits, [50, 90, 99, 100]))
        table.add_row(name, *shares, f'{100 * np.mean(bits <= 16):.1f} %')
    console.print(table)

    unique, first = np.unique(hashes, axis=0, return_index=True)
    pairs = [
        (rows[first[i]], rows[first[j]], bits)
        for a, b, distances in near_pairs(unique, max(BITS))
        for i, j, bits in zip(a, b, distances.tolist(), strict=True)
    ]
    names = sorted({row['dataset'] for row in rows})
    table = Table('at most', title='Pairs of different images by the bits between them')
    for column in (*names, 'between data sets', 'within a group'):
        table.add_column(column, justify='right')
    for most in BITS:
        near = [(a, b) for a, b, bits in pairs if bits <= most]
        same = [a['dataset'] for a, b in near if a['dataset'] == b['dataset']]
        grouped = sum((a['dataset'], a['group']) == (b['dataset'], b['group']) for a, b in near)
        counts = [same.count(name) for name in names]
        table.add_row(str(most), *map(str, (*counts, len(near) - len(same), grouped)))
    console.print(table)


if __name__ == '__main__':
    main()
