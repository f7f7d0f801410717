"""Pack the images of an index into one LMDB file, or unpack them into PNG files.

Packed images are raw grey pixels: the same values as the files', without decoding. An interrupted
run goes on where it stopped when the same command is given again.
"""

import argparse
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TypeVar

import cv2
import lmdb
import pyarrow as pa
import pyarrow.csv
from rich.console import Console

from usfm_mm.io.image import BadImageError, encode_png, read_grey
from usfm_mm.io.index import find_index, read_index
from usfm_mm.io.packed import PACKED_NAME, PackedImages, encode_packed, put_packed
from usfm_mm.io.progress import progress_bar

EXAMPLES = """examples:
  python tools/pack_images.py pack data/3M-US               # writes data/3M-US/images.lmdb
  python tools/pack_images.py pack data/3M-US --out /fast   # and the index beside it
  python tools/pack_images.py unpack /fast --out data/png   # uncompressed PNG files and index
"""
BAD_NAME = 'bad_images_packing.csv'
_CHUNK = 256
# LMDB cannot store longer keys.
_MAX_KEY = 511
T = TypeVar('T')


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('direction', choices=('pack', 'unpack'))
    parser.add_argument('root', type=Path, help='data root, with the images and the index')
    parser.add_argument('--out', type=Path, help='folder to write to (pack: the data root)')
    parser.add_argument('--index', type=Path, help='index, where it is not in the data root')
    parser.add_argument('--workers', type=int, default=os.cpu_count(), help='threads')
    args = parser.parse_args(argv)
    if args.direction == 'unpack' and args.out is None:
        parser.error('unpack needs --out')
    run = pack if args.direction == 'pack' else unpack
    try:
        run(args.root, args.out or args.root, args.index, args.workers)
    except (ValueError, OSError, lmdb.Error) as error:
        raise SystemExit(f'error: {error}') from error


def pack(root: Path, out: Path, index: Path | None = None, workers: int = 1) -> None:
    """Write ``out/images.lmdb`` with every image of the index, grey, and the index beside it.

    The file has another name until it is complete. Images that cannot be read are listed in
    ``bad_images_packing.csv``.

    Raises:
        ValueError: A path is too long for a key, or the index cannot be used.
    """
    console = Console()
    out.mkdir(parents=True, exist_ok=True)
    target, partial = out / PACKED_NAME, out / (PACKED_NAME + '.part')
    paths = _paths(root, index)
    long = next((path for path in paths if len(path.encode()) > _MAX_KEY), None)
    if long is not None:
        raise ValueError(f'paths may have {_MAX_KEY} bytes to be packed, unlike {long!r}')

    def load(path: str) -> bytes | BadImageError:
        try:
            return encode_packed(read_grey(root / path))
        except BadImageError as error:
            return error

    bad: list[tuple[str, str]] = []
    env = lmdb.open(str(partial), subdir=False, map_size=1 << 30)
    try:
        with env.begin() as transaction:
            todo = [path for path in paths if transaction.get(path.encode()) is None]
        for chunk, values in _in_chunks(load, todo, len(paths), workers, 'packing', console):
            good = [
                (path.encode(), value)
                for path, value in zip(chunk, values, strict=True)
                if isinstance(value, bytes)
            ]
            bad += [
                (path, str(value))
                for path, value in zip(chunk, values, strict=True)
                if not isinstance(value, bytes)
            ]
            put_packed(env, good)
        env.sync(True)
        stored = env.stat()['entries']
    finally:
        env.close()
    os.replace(partial, target)
    Path(f'{partial}-lock').unlink(missing_ok=True)
    _copy_index(root, index, out)
    _report_bad(out, bad, console)
    console.print(
        f'{stored} images, {len(bad)} bad, packed in {target}', markup=False, soft_wrap=True
    )


def unpack(root: Path, out: Path, index: Path | None = None, workers: int = 1) -> None:
    """Write every image of the index from ``root/images.lmdb`` to a PNG file below ``out``.

    The files keep their names and are uncompressed, as the paper stores them. Files that are
    there already are kept. The index goes beside them.

    Raises:
        FileNotFoundError: There is no packed store.
        ValueError: A name does not end in ``.png``, or the index cannot be used.
    """
    console = Console()
    paths = _paths(root, index)
    other = next((path for path in paths if not path.lower().endswith('.png')), None)
    if other is not None:
        raise ValueError(f'images are unpacked as PNG, but the index names {other!r}')
    store = PackedImages(root / PACKED_NAME)
    len(store)  # opened before threads use it

    def save(path: str) -> str:
        target = out / path
        try:
            data = encode_png(store.read(path))
        except BadImageError as error:
            return str(error)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(target.name + '.tmp')
        temporary.write_bytes(data)
        os.replace(temporary, target)
        return ''

    out.mkdir(parents=True, exist_ok=True)
    todo = [path for path in paths if not (out / path).exists()]
    bad: list[tuple[str, str]] = []
    # LMDB's transaction belongs to one thread.
    for chunk, reasons in _in_chunks(save, todo, len(paths), 1, 'unpacking', console):
        bad += [pair for pair in zip(chunk, reasons, strict=True) if pair[1]]
    _copy_index(root, index, out)
    _report_bad(out, bad, console)
    console.print(
        f'{len(paths) - len(bad)} images, {len(bad)} bad, unpacked in {out}',
        markup=False,
        soft_wrap=True,
    )


def _paths(root: Path, index: Path | None) -> list[str]:
    return read_index(root, index, ('path', 'organ'))['path'].to_pylist()


def _in_chunks(
    function: Callable[[str], T],
    todo: list[str],
    total: int,
    workers: int,
    title: str,
    console: Console,
) -> Iterator[tuple[list[str], list[T]]]:
    """Apply ``function`` in threads, chunk by chunk, under a progress bar."""
    cv2.setNumThreads(1)
    remaining = iter(todo)
    with ThreadPoolExecutor(workers) as pool, progress_bar(console) as progress:
        task = progress.add_task(title, total=total, completed=total - len(todo))
        while chunk := list(islice(remaining, _CHUNK)):
            yield chunk, list(pool.map(function, chunk))
            progress.advance(task, len(chunk))


def _copy_index(root: Path, index: Path | None, out: Path) -> None:
    source = find_index(root, index)
    target = out / f'index{source.suffix}'
    if not target.exists() or not target.samefile(source):
        shutil.copyfile(source, target)


def _report_bad(out: Path, bad: list[tuple[str, str]], console: Console) -> None:
    path = out / BAD_NAME
    if not bad:
        path.unlink(missing_ok=True)
        return
    pa.csv.write_csv(
        pa.table({'path': [name for name, _ in bad], 'reason': [reason for _, reason in bad]}), path
    )
    console.print(f'{len(bad)} bad images, listed in {path}', markup=False, soft_wrap=True)
