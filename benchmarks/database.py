"""Building a database: images per second and core, memory, and the search for duplicates.

    python -m benchmarks.database [--files 100000] [--rows 2000000] [--folder DIR] [--out FILE]

Three parts, each in one process on one core:

- Real pictures, every step of the builder, the search for burned-in text included.
- Many generated files (128x128, one in ten an exact and one in ten a near duplicate of another).
  The search for text, a neural network whose time does not depend on the number of files, is left
  out here and is what the first part measures. Memory is that of the whole process.
- The search for near duplicates among made-up hashes of as many rows as 3M-US has: real or
  generated pictures' hashes with 10 to 35 % of the bits flipped, one in twenty with up to 16 bits.
"""

import argparse
import io
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from usfm_mm.database import build as build_module
from usfm_mm.database import publish as publish_module
from usfm_mm.database.build import build
from usfm_mm.database.dedup import deduplicate
from usfm_mm.database.extract import extract
from usfm_mm.database.likeness import DUPLICATE_HAMMING, perceptual_hash
from usfm_mm.database.places import JOURNAL_NAME, default_journal_folder
from usfm_mm.database.types import Options
from usfm_mm.database.workers import Cluster
from usfm_mm.io.image import encode_png, read_grey

_SIDE = 128


def generate(folder: Path, count: int) -> None:
    """Write PNG files; the same for the same count."""
    rng = np.random.default_rng(0)
    noise = cv2.GaussianBlur(rng.normal(size=(2048, 2048, 2)).astype(np.float32), (0, 0), 1.2)
    texture = np.hypot(noise[..., 0], noise[..., 1])
    texture *= 230 / np.percentile(texture, 99)
    image = np.zeros((_SIDE, _SIDE), np.uint8)
    for i in range(count):
        parent = folder / f'{i // 1000:04d}'
        parent.mkdir(parents=True, exist_ok=True)
        kind = i % 10
        if kind < 8 or i < 10:
            top, left = rng.integers(0, 2048 - _SIDE, 2)
            coarse = rng.uniform(0.1, 1, (9, 9)).astype(np.float32)
            tissue = cv2.resize(coarse, (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)
            part = texture[top : top + _SIDE, left : left + _SIDE] * tissue
            image = np.clip(part, 0, 255).astype(np.uint8)
        elif kind == 9:  # of the one before: nearly, in place of exactly, the same
            image = cv2.convertScaleAbs(image, alpha=1.08, beta=4).astype(np.uint8)
        (parent / f'{i:07d}.png').write_bytes(encode_png(image))


def real_pictures(source: Path, count: int) -> dict[str, float]:
    """Milliseconds of the whole extraction for each of some real pictures."""
    files = sorted(path for path in source.rglob('*.png') if 'mask' not in str(path).lower())
    chosen = files[:: max(1, len(files) // count)][:count]
    for path in chosen[:3]:  # loads the network
        list(extract(path, Options()).pictures)
    times = []
    for path in chosen:
        start = time.perf_counter()
        list(extract(path, Options()).pictures)
        times.append(time.perf_counter() - start)
    return {
        'pictures': len(chosen),
        'median_ms': 1e3 * float(np.median(times)),
        'mean_ms': 1e3 * float(np.mean(times)),
        'per_second': len(chosen) / sum(times),
    }


@contextmanager
def memory_curve(done: list[int], period: float = 1.0) -> Iterator[list[tuple[int, float]]]:
    """Files done and the process's resident memory in MB, sampled meanwhile."""
    curve: list[tuple[int, float]] = []
    stop = threading.Event()
    process = psutil.Process()

    def sample() -> None:
        while True:  # a short run has one reading, its first
            curve.append((done[0], process.memory_info().rss / 1e6))
            if stop.wait(period):
                return

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield curve
    finally:
        stop.set()
        thread.join()


def many_files(folder: Path, count: int) -> dict[str, object]:
    """Build a database of generated files, and time its parts."""
    generate(folder / 'source', count)
    key = folder / 'secret.key'
    key.touch(0o600)
    key.write_text(os.urandom(32).hex())
    done = [0]
    seconds: dict[str, float] = {}

    def counted(*arguments: Any) -> Iterator[list]:
        start, start_cpu = time.perf_counter(), time.process_time()
        for records in process_all(*arguments):
            done[0] += len(records)
            yield records
        seconds['read'] = time.perf_counter() - start
        seconds['read, of the processor'] = time.process_time() - start_cpu

    def timed(name: str, function: Callable) -> Callable:
        def wrapped(*arguments: Any) -> Any:
            start = time.perf_counter()
            result = function(*arguments)
            seconds[name] = time.perf_counter() - start
            return result

        return wrapped

    process_all = build_module.process_all
    start = time.perf_counter()
    with ExitStack() as stack:
        for target, name, value in (
            ('usfm_mm.database.screen.view', 'find_text', lambda image: []),
            ('usfm_mm.database.screen.text', 'find_text', lambda image: []),
            (build_module.__name__, 'process_all', counted),
            (build_module.__name__, 'publish', timed('publish', build_module.publish)),
            (
                publish_module.__name__,
                'mark_duplicates',
                timed('duplicates', publish_module.mark_duplicates),
            ),
        ):
            stack.enter_context(mock.patch(f'{target}.{name}', value))
        curve = stack.enter_context(memory_curve(done))
        build(
            [folder / 'source'],
            folder / 'out',
            key,
            cluster=Cluster(workers=1),
            console=Console(file=io.StringIO()),
        )
    seconds['all'] = time.perf_counter() - start
    journal = default_journal_folder(key, folder / 'out') / JOURNAL_NAME
    about = json.loads((folder / 'out/database.json').read_text())
    return {
        'files': count,
        'images_kept': about['images'],
        'seconds': seconds,
        'images_per_second': count / seconds['read'],
        'images_per_processor_second': count / seconds['read, of the processor'],
        'memory_mb': [curve[i] for i in np.linspace(0, len(curve) - 1, 12).astype(int)],
        'journal_bytes_per_image': journal.stat().st_size / count,
    }


def many_hashes(rows: int, source: Path) -> dict[str, float]:
    """Time and memory of the search for near duplicates among made-up hashes."""
    rng = np.random.default_rng(0)
    files = sorted(source.rglob('*.png'))[::3] if source.is_dir() else []
    pictures = [cv2.resize(read_grey(path), (256, 256)) for path in files[:600]]
    pictures = pictures or [rng.integers(0, 256, (64, 64), np.uint8) for _ in range(600)]
    kinds = np.array([np.frombuffer(perceptual_hash(picture), np.uint8) for picture in pictures])
    hashes = np.empty((rows, 32), np.uint8)
    for start in range(0, rows, 50_000):
        part = np.unpackbits(kinds[rng.integers(0, len(kinds), min(50_000, rows - start))], axis=1)
        share = rng.uniform(0.1, 0.35, (len(part), 1)).astype(np.float32)
        part ^= rng.random(part.shape, np.float32) < share
        hashes[start : start + len(part)] = np.packbits(part, axis=1)
    for i in range(0, rows - 1, 20):
        bits = np.unpackbits(hashes[i])
        bits[rng.choice(256, rng.integers(0, DUPLICATE_HAMMING + 1), replace=False)] ^= 1
        hashes[i + 1] = np.packbits(bits)
    process = psutil.Process()
    before = process.memory_info().rss
    start_time = time.perf_counter()
    with memory_curve([0], 0.2) as curve:
        found = deduplicate(hashes, np.arange(rows), DUPLICATE_HAMMING)
    return {
        'rows': rows,
        'seconds': time.perf_counter() - start_time,
        'duplicates': int((found >= 0).sum()),
        'memory_mb': max(value for _, value in curve) - before / 1e6,
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--files', type=int, default=100_000)
    parser.add_argument('--rows', type=int, default=2_000_000)
    parser.add_argument('--real', type=int, default=100, help='real pictures (default: 100)')
    parser.add_argument('--source', type=Path, default=Path('../shared/data'), help='of real ones')
    parser.add_argument('--folder', type=Path, help='for the files, 80 kB each (temporary)')
    parser.add_argument('--out', type=Path, help='JSON file to write')
    args = parser.parse_args()
    cv2.setNumThreads(1)
    result: dict[str, dict] = {}
    if args.source.is_dir():
        result['real'] = real_pictures(args.source, args.real)
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        result['files'] = many_files(Path(folder), args.files)
    result['hashes'] = many_hashes(args.rows, args.source)
    table = Table('part', 'figure', 'value', title='Building a database, one core')
    for part, figures in result.items():
        for name, value in figures.items():
            shown = f'{value:,.1f}' if isinstance(value, float) else str(value)
            table.add_row(part, name, shown)
    Console(width=160).print(table)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(result, indent=2) + '\n')


if __name__ == '__main__':
    main()
