"""What each stage of the database builder takes for a picture: seconds of the processor, and bytes.

    python -m benchmarks.stages [--data ../shared/data] [--count 200] [--hashes 100000 400000]

Real image files, evenly chosen from all sets, one process. A stage's time is what its function
takes, less what functions of other stages within it take. Then the search for near duplicates
among made-up hashes, by number, which shows how time and memory grow.
"""

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from benchmarks.database import many_hashes
from usfm_mm.database import chunk, extract
from usfm_mm.database.identity import Identity
from usfm_mm.database.images import index_of, load_images
from usfm_mm.database.journal import Journal
from usfm_mm.database.listing import SourceFile, in_chunks, walk
from usfm_mm.database.readers.clip import Clip
from usfm_mm.database.rules import Rules
from usfm_mm.database.screen import text, view
from usfm_mm.database.types import Options

STAGES = {
    'reading and decoding, twice': (extract, 'open_clip'),
    'search for text': (text, 'find_text'),
    'search for text, of the layout': (view, 'find_text'),
    'name: hash of the pixels': (Identity, 'image'),
    'hash of near duplicates': (chunk, 'perceptual_hash'),
    'writing PNG': (chunk, 'write_png'),
}


class Stages:
    """Seconds of the processor by stage."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._within: list[float] = []

    def timed(self, name: str, function: Callable) -> Callable:
        """The function, its time counted, without that of others timed within it."""

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self._within.append(0.0)
            start = time.process_time()
            try:
                result = function(*args, **kwargs)
            finally:
                taken = time.process_time() - start
                self.seconds[name] += taken - self._within.pop()
                if self._within:
                    self._within[-1] += taken
            if isinstance(result, Clip):
                read = result.read
                result.read = lambda step: iter(self.timed(name, lambda: list(read(step)))())
            return result

        return wrapped


def read_all(files: list[SourceFile], job: chunk.Job, journal: Journal) -> tuple[Stages, int]:
    """Read and note files; the times, and how many images they gave."""
    stages, images = Stages(), 0
    with ExitStack() as stack:
        for name, (module, function) in STAGES.items():
            timed = stages.timed(name, getattr(module, function))
            if module is Identity:
                timed = _method(timed)
            stack.enter_context(mock.patch.object(module, function, timed))
        process = stages.timed('screening, resizing, all else', chunk.process_chunk)
        add = stages.timed('journal', journal.add)
        for part in in_chunks(files):
            records = process(job, part)
            add(records, 0)
            images += sum(len(record.images) for record in records)
    return stages, images


def _method(function: Callable) -> Callable:
    return lambda self, *args: function(self, *args)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--data', type=Path, default=Path('../shared/data'))
    parser.add_argument('--count', type=int, default=200)
    parser.add_argument('--hashes', type=int, nargs='*', default=[100_000, 400_000])
    args = parser.parse_args()
    cv2.setNumThreads(1)
    console = Console(width=140)
    found = sorted(walk([args.data]), key=lambda file: file.path)
    pictures = [file for file in found if file.path.endswith('.png') and '_mask' not in file.path]
    files = pictures[:: max(len(pictures) // args.count, 1)][: args.count]
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / 'journal') as journal:
        job = chunk.Job(Identity(b'k'), Rules((), ()), Options(), 256, Path(folder))
        chunk.process_chunk(job, files[:3])  # loads the network
        stages, images = read_all(files, job, journal)
        if not images:
            parser.error(f'no picture was taken of {args.data}: name other files by --data')
        table = Table('stage', 'ms of the processor a picture', 'share')
        total = sum(stages.seconds.values())
        for name, seconds in sorted(stages.seconds.items(), key=lambda item: -item[1]):
            table.add_row(name, f'{1e3 * seconds / images:.2f}', f'{seconds / total:.1%}')
        table.add_row('all', f'{1e3 * total / images:.1f}', '')
        console.print(f'{len(files)} files, {images} images')
        console.print(table)
        everything = load_images(journal)
        index = index_of(everything, everything.frame.argsort(kind='stable'), 0.01)
        pq.write_table(index, Path(folder) / 'index.parquet')
        sizes = {name: (Path(folder) / name).stat().st_size for name in ('index.parquet',)}
        with journal.transaction() as db:
            sizes['journal'] = (
                db.execute('PRAGMA page_count').fetchone()[0]
                * db.execute('PRAGMA page_size').fetchone()[0]
            )
        png = [path.stat().st_size for path in Path(folder).rglob('*.png')]
        sizes['images'] = sum(png)
        for name, size in sizes.items():
            console.print(f'{name}: {size / images:,.0f} bytes an image')
    for rows in args.hashes:
        start = time.process_time()
        figures = many_hashes(rows, args.data)
        console.print(
            f'{rows:,} hashes: {time.process_time() - start:.1f} s of the processor with making '
            f'them, {figures["seconds"]:.1f} s on the clock without, {figures["memory_mb"]:.0f} MB'
        )


if __name__ == '__main__':
    main()
