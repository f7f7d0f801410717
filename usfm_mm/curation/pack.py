"""Images of an index into one LMDB file and back; what a stopped run has done is kept."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TypeVar

import cv2
import lmdb
from rich.console import Console

from usfm_mm.curation.report import report_bad
from usfm_mm.io.atomic import write_atomic
from usfm_mm.io.image import BadImageError, encode_png, read_grey
from usfm_mm.io.index import find_index, read_about, read_index
from usfm_mm.io.packed import (
    PACKED_NAME,
    PackedImages,
    encode_packed,
    packed_images,
    put_packed,
)
from usfm_mm.io.progress import progress_bar

# Images between two writes: what is lost when a run is stopped.
_CHUNK = 256
# LMDB cannot store longer keys.
_MAX_KEY = 511
T = TypeVar('T')


def pack(root: Path, out: Path, index: Path | None = None, workers: int = 1) -> None:
    """Write ``out/images.lmdb`` with every image of the index, grey, and the index beside it.

    The file has another name until it is complete. Images that cannot be read are listed in
    ``bad_images_packing.csv``.

    Raises:
        OSError: The store cannot be written.
        ValueError: A path is too long for a key, or the index cannot be used.
    """
    console = Console()
    out.mkdir(parents=True, exist_ok=True)
    target, partial = out / PACKED_NAME, out / (PACKED_NAME + '.part')
    paths = _paths(root, index)
    bits = read_about(find_index(root, index)).get('bits')
    long = next((path for path in paths if len(path.encode()) > _MAX_KEY), None)
    if long is not None:
        raise ValueError(f'paths may have {_MAX_KEY} bytes to be packed, unlike {long!r}')

    def load(path: str) -> bytes | BadImageError:
        try:
            return encode_packed(read_grey(root / path, bits))
        except BadImageError as error:
            return error

    bad: list[dict[str, str]] = []
    try:
        with lmdb.open(str(partial), subdir=False, map_size=1 << 30) as env:
            with env.begin() as transaction:
                todo = [path for path in paths if transaction.get(path.encode()) is None]
            for pairs in _in_chunks(load, todo, len(paths), workers, 'packing', console):
                bad += _bad((path, value) for path, value in pairs if not isinstance(value, bytes))
                put_packed(
                    env,
                    [(path.encode(), value) for path, value in pairs if isinstance(value, bytes)],
                )
            env.sync(True)
            stored = env.stat()['entries']
    except lmdb.Error as error:
        raise OSError(f'{partial} cannot be written: {error}') from error
    os.replace(partial, target)
    Path(f'{partial}-lock').unlink(missing_ok=True)
    _finish(root, index, out, bad, f'{stored} images, {len(bad)} bad, packed in {target}', console)


def unpack(root: Path, out: Path, index: Path | None = None, workers: int = 1) -> None:
    """Write every image of the index from ``root/images.lmdb`` to a PNG file below ``out``.

    The files keep their names and are uncompressed, as the paper stores them. Files that are
    there already are kept. The index goes beside them. One thread does it: a transaction of LMDB
    belongs to one.

    Raises:
        FileNotFoundError: There is no packed store.
        ValueError: A name does not end in ``.png``, or the index cannot be used.
    """
    console = Console()
    paths = _paths(root, index)
    other = next((path for path in paths if not path.lower().endswith('.png')), None)
    if other is not None:
        raise ValueError(f'images are unpacked as PNG, but the index names {other!r}')
    store = packed_images(root) or PackedImages(root / PACKED_NAME)
    len(store)  # opened before a thread uses it

    def save(path: str) -> BadImageError | None:
        target = out / path
        try:
            data = encode_png(store.read(path))
        except BadImageError as error:
            return error
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(target, data)
        return None

    out.mkdir(parents=True, exist_ok=True)
    todo = [path for path in paths if not (out / path).exists()]
    bad: list[dict[str, str]] = []
    for pairs in _in_chunks(save, todo, len(paths), 1, 'unpacking', console):
        bad += _bad((path, error) for path, error in pairs if error)
    summary = f'{len(paths) - len(bad)} images, {len(bad)} bad, unpacked in {out}'
    _finish(root, index, out, bad, summary, console)


def _paths(root: Path, index: Path | None) -> list[str]:
    return read_index(root, index, ('path', 'organ'))['path'].to_pylist()


def _in_chunks(
    function: Callable[[str], T],
    todo: list[str],
    total: int,
    workers: int,
    title: str,
    console: Console,
) -> Iterator[list[tuple[str, T]]]:
    """Paths with what ``function`` gives, called in threads under a progress bar."""
    cv2.setNumThreads(1)
    remaining = iter(todo)
    with ThreadPoolExecutor(workers) as pool, progress_bar(console) as progress:
        task = progress.add_task(title, total=total, completed=total - len(todo))
        while chunk := list(islice(remaining, _CHUNK)):
            yield list(zip(chunk, pool.map(function, chunk), strict=True))
            progress.advance(task, len(chunk))


def _bad(pairs: Iterable[tuple[str, object]]) -> list[dict[str, str]]:
    return [{'path': path, 'reason': str(error)} for path, error in pairs]


def _finish(
    root: Path,
    index: Path | None,
    out: Path,
    bad: list[dict[str, str]],
    summary: str,
    console: Console,
) -> None:
    """Copy the index, list the bad images and print the summary."""
    source = find_index(root, index)
    target = out / f'index{source.suffix}'
    if not target.exists() or not target.samefile(source):
        shutil.copyfile(source, target)
    for text in filter(None, (report_bad(out / 'bad_images_packing.csv', bad), summary)):
        console.print(text, markup=False, soft_wrap=True)
