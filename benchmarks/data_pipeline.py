"""Images per second and core: our data pipeline against stock mmpretrain transforms.

    python -m benchmarks.data_pipeline [--images 500] [--rounds 7] [--out FILE]

All read the same 256x256 grey images and give 224x224 ones, on one thread: rotation, scale and
crop, brightness and contrast, blur with probability 1/2, of the same strengths, bilinear. The
stock list has three channels, since mmpretrain's ColorJitter takes no grey image; row (a) lets it
use OpenCV, row (p) its default, Pillow. Ours, from uncompressed PNG (b) and packed (c), have one
channel, and three in (b3) and (c3); they go through ``UltrasoundDataset`` with seeding per draw,
the draw of both masks, and packing into tensors. The pipelines take turns, round by round, and
what counts is the median. The images are real ones where ``--source`` is found, else speckle.
"""

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import torch
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from rich.console import Console
from rich.table import Table

from usfm_mm.curation.pack import pack
from usfm_mm.datasets import SeededIndex, UltrasoundDataset
from usfm_mm.io.image import BadImageError, encode_png, read_grey
from usfm_mm.io.index import write_index

BLUR = (0.1, 0.8)
OURS: list[dict | Callable] = [
    dict(type='usfm_mm.RandomAffineCrop', size=224, rotation=(-15, 15), scale=(0.67, 1)),
    dict(type='usfm_mm.RandomBrightnessContrast', brightness=(0.8, 1.2), contrast=(0.8, 1.2)),
    dict(type='usfm_mm.RandomGaussianBlur', prob=0.5, sigma=BLUR),
    dict(type='usfm_mm.DrawDualMask'),
    dict(type='usfm_mm.PackUltrasound'),
]


def stock_pipeline(backend: str) -> list[dict]:
    """The same augmentations of mmpretrain's and mmcv's own transforms."""
    return [
        dict(type='LoadImageFromFile'),
        # mmpretrain's Rotate takes one angle and a random sign; this one draws from a range
        dict(
            type='Rotate',
            magnitude_range=(0, 15),
            magnitude_level=10,
            magnitude_std='inf',
            pad_val=0,
            prob=1.0,
            interpolation='bilinear',
        ),
        dict(type='RandomResizedCrop', scale=224, crop_ratio_range=(0.67, 1.0)),
        dict(type='ColorJitter', brightness=0.2, contrast=0.2, backend=backend),
        dict(
            type='GaussianBlur',
            magnitude_range=BLUR,
            magnitude_level=10,
            magnitude_std='inf',
            prob=0.5,
        ),
        dict(type='PackInputs'),
    ]


def write_images(root: Path, source: Path, count: int) -> None:
    """Write 256x256 uncompressed PNG files, an index, and the packed store."""
    files = sorted(source.rglob('*.png')) if source.is_dir() else []
    rng = np.random.default_rng(0)
    (root / 'organ').mkdir(parents=True)
    paths = []
    for i in range(count):
        try:
            image = cv2.resize(read_grey(files[i * len(files) // count]), (256, 256))
        except (IndexError, BadImageError):
            image = cv2.GaussianBlur(rng.integers(0, 256, (256, 256), np.uint8), (0, 0), 1.5)
        paths.append(f'organ/{i}.png')
        (root / paths[-1]).write_bytes(encode_png(image))
    write_index(pa.table({'path': paths, 'organ': ['organ'] * count}), root / 'index.parquet')
    pack(root, root)


def pipelines(root: Path) -> dict[str, Callable[[int], object]]:
    """A function from the position of an image to what its pipeline makes of it, by name."""
    init_default_scope('mmpretrain')
    paths = [str(path) for path in sorted(root.rglob('*.png'))]

    def stock(backend: str) -> Callable[[int], object]:
        pipeline = Compose(stock_pipeline(backend))
        return lambda i: pipeline({'img_path': paths[i]})

    def ours(packed: bool, channels: int) -> Callable[[int], object]:
        dataset = UltrasoundDataset(root, OURS, packed=packed, channels=channels)
        return lambda i: dataset[SeededIndex(i, i)]

    return {
        '(a) stock': stock('cv2'),
        '(p) stock, Pillow': stock('pillow'),
        '(b) ours, PNG': ours(False, 1),
        '(c) ours, packed': ours(True, 1),
        '(b3) ours, PNG, three channels': ours(False, 3),
        '(c3) ours, packed, three channels': ours(True, 3),
    }


def measure(
    functions: dict[str, Callable[[int], object]], images: int, rounds: int
) -> dict[str, list[float]]:
    """Images per second of every function in every round; the first round warms up."""
    rates: dict[str, list[float]] = {name: [] for name in functions}
    for round_ in range(rounds + 1):
        for name, function in functions.items():
            start = time.perf_counter()
            for i in range(images):
                function(i)
            if round_:
                rates[name].append(images / (time.perf_counter() - start))
    return rates


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--images', type=int, default=500)
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument(
        '--source',
        type=Path,
        default=Path('../shared/data'),
        help='folder of real PNG images (default: %(default)s)',
    )
    parser.add_argument('--out', type=Path, help='JSON file to write')
    args = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        write_images(Path(folder), args.source, args.images)
        rates = measure(pipelines(Path(folder)), args.images, args.rounds)

    medians = {name: statistics.median(values) for name, values in rates.items()}
    stock, pillow = medians['(a) stock'], medians['(p) stock, Pillow']
    table = Table('pipeline', title='Images per second on one core')
    for column in ('median', 'lowest', 'highest', 'times (a)', 'times (p)'):
        table.add_column(column, justify='right')
    for name, values in rates.items():
        table.add_row(
            name,
            f'{medians[name]:.0f}',
            f'{min(values):.0f}',
            f'{max(values):.0f}',
            f'{medians[name] / stock:.2f}',
            f'{medians[name] / pillow:.2f}',
        )
    Console().print(table)
    result = {
        'images_per_second': medians,
        'rounds': rates,
        'images': args.images,
        'ratio_to_stock': {name: rate / stock for name, rate in medians.items()},
        'versions': {
            'opencv': cv2.__version__,
            'numpy': np.__version__,
            'torch': torch.__version__,
            'python': platform.python_version(),
        },
    }
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(result, indent=2) + '\n')


if __name__ == '__main__':
    main()
