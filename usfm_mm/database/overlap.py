"""Does one data set hold images of another one?

An image is compared as it is and, unless it comes from a database of ours, as the builder would cut
it out: a test set's image with a screen around it is found in a database that holds the picture.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import pyarrow.parquet as pq
from rich.console import Console

from usfm_mm.database.extract import extract
from usfm_mm.database.likeness import HASH_BYTES, PHASH_COLUMN, perceptual_hash
from usfm_mm.database.listing import SourceFile, in_chunks, walk
from usfm_mm.database.near import near_pairs
from usfm_mm.database.types import Options
from usfm_mm.database.workers import Cluster, process_all
from usfm_mm.io.image import encode_png, read_grey
from usfm_mm.io.image_file import IMAGE_EXTENSIONS, BadImageError
from usfm_mm.io.index import find_index, read_index
from usfm_mm.io.packed import PackedImages, PackedShards, packed_images
from usfm_mm.io.progress import progress_bar


@dataclass(frozen=True)
class Overlap:
    """A pair of images that are nearly the same, and the bits in which their hashes differ."""

    a: str
    b: str
    bits: int


@dataclass(frozen=True)
class HashedSet:
    """Perceptual hashes of a data set; an image may have two, as it is and cut out.

    Attributes:
        names: Path of the image of each hash.
        hashes: uint8 [N, 32].
        unread: Paths that gave nothing.
    """

    names: list[str]
    hashes: np.ndarray
    unread: list[str]


def find_overlap(a: HashedSet, b: HashedSet, max_hamming: int) -> list[Overlap]:
    """Pairs of images in ``a`` and ``b`` within ``max_hamming`` bits, the closest first.

    Flipped and turned copies are found as well.
    """
    bits: dict[tuple[str, str], int] = {}
    for rows, others, distances in near_pairs(a.hashes, max_hamming, b.hashes, turned=True):
        for i, j, distance in zip(rows, others, distances.tolist(), strict=True):
            pair = a.names[i], b.names[j]
            bits[pair] = min(distance, bits.get(pair, distance))
    return sorted(
        (Overlap(*pair, distance) for pair, distance in bits.items()),
        key=lambda pair: (pair.bits, pair.a, pair.b),
    )


def hash_set(source: Path, options: Options, workers: int, console: Console) -> HashedSet:
    """Hash a database of ours, a data root with an index, a folder of files, or a file.

    Args:
        source: Which.
        options: How pictures are cut out.
        workers: Processes, -1 for all cores.
        console: For the progress.

    Raises:
        FileNotFoundError: There is no ``source``.
        ValueError: Its index cannot be used, or no image of it can be read.
    """
    hashed = _hash_set(source, options, workers, console)
    if not hashed.names:
        tried = f' ({len(hashed.unread):,} files tried)' if hashed.unread else ''
        raise ValueError(f'no image of {source} could be read{tried}: check the path')
    return hashed


def _hash_set(source: Path, options: Options, workers: int, console: Console) -> HashedSet:
    if not source.exists():
        raise FileNotFoundError(f'there is no {source}: check the path')
    index = _index(source)
    if index is not None and _is_database(index):
        table = pq.read_table(index, columns=['path', PHASH_COLUMN])
        hashes = np.frombuffer(b''.join(table[PHASH_COLUMN].to_pylist()), np.uint8)
        return HashedSet(table['path'].to_pylist(), hashes.reshape(-1, HASH_BYTES), [])
    store = None
    if index is None:
        files = list(walk([source]))
    else:
        paths = read_index(source, columns=('path', 'organ'))['path'].to_pylist()
        files = [SourceFile(str(source / path), path, '', 0) for path in paths]
        store = packed_images(source)
    results: list[tuple[str, list[bytes]]] = []
    with progress_bar(console) as progress:
        task = progress.add_task('hashing', total=len(files))
        work = partial(_hash_chunk, options=options, store=store)
        for chunk in process_all(work, _nothing, in_chunks(files), Cluster(workers=workers)):
            results += chunk
            progress.advance(task, len(chunk))
    results.sort()  # they come as they get done
    found = b''.join(digest for _, own in results for digest in own)
    return HashedSet(
        [name for name, own in results for _ in own],
        np.frombuffer(found, np.uint8).reshape(-1, HASH_BYTES),
        [name for name, own in results if not own],
    )


def hashes_of(
    sources: Sequence[Path], options: Options, workers: int, console: Console
) -> Iterator[bytes]:
    """Perceptual hashes of data sets to exclude; how many files gave none is printed."""
    for source in sources:
        hashed = hash_set(source, options, workers, console)
        console.print(
            f'{source}: {len(set(hashed.names)):,} files to exclude the like of, '
            f'{len(hashed.unread):,} unread',
            markup=False,
        )
        yield from map(bytes, hashed.hashes)


def _index(source: Path) -> Path | None:
    try:
        return find_index(source)
    except FileNotFoundError:
        return None


def _is_database(index: Path) -> bool:
    return index.suffix == '.parquet' and PHASH_COLUMN in pq.read_schema(index).names


def _hash_chunk(
    files: list[SourceFile], options: Options, store: PackedImages | PackedShards | None
) -> list[tuple[str, list[bytes]]]:
    cv2.setNumThreads(1)
    if store is None:
        return [(file.name, _hash_file(file, options)) for file in files]
    return [(file.name, _hash_packed(store, file.name, options)) for file in files]


def _nothing(file: SourceFile) -> tuple[str, list[bytes]]:
    return file.name, []


def _hash_packed(store: PackedImages | PackedShards, name: str, options: Options) -> list[bytes]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / 'image.png'
        try:
            path.write_bytes(encode_png(store.read(name)))
        except BadImageError:
            return []
        return _hash_file(SourceFile(str(path), name, '', 0), options)


def _hash_file(file: SourceFile, options: Options) -> list[bytes]:
    """Hashes of a file as it is and cut out; none where it cannot be read, whatever the fault."""
    if file.reason:
        return []
    hashes = []
    if file.path.lower().endswith(IMAGE_EXTENSIONS):
        try:
            hashes.append(perceptual_hash(read_grey(file.path)))
        except Exception:
            return []
    with suppress(Exception):  # one bad file must not end the run
        hashes += [perceptual_hash(p.pixels) for p in extract(Path(file.path), options).pictures]
    return list(dict.fromkeys(hashes))
