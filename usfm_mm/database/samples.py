"""Pictures, drawn by chance, that tell whether a database may be shared. PRIVATE."""

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
import pyarrow as pa

from usfm_mm.database.extract import extract
from usfm_mm.database.fetch import at_hand
from usfm_mm.database.journal import Journal
from usfm_mm.database.readers import open_clip
from usfm_mm.database.readers.clip import Box
from usfm_mm.database.readers.limits import bounded_memory, killed_after, stopped_after
from usfm_mm.database.scanner import Key, Scanner
from usfm_mm.database.screen.colour import to_grey
from usfm_mm.database.screen.sector import reduced
from usfm_mm.database.types import EXCLUDED, NO_FRAME, PAINTED, Options, Picture
from usfm_mm.database.workers import one_by_one
from usfm_mm.visualization.tiles import Tile

T = TypeVar('T')
Sheet = tuple[str, list[Tile]]
"""Title and pictures."""
Place = tuple[str, str]
"""A file's path or address, and what the rules see."""

# Of the processor, for one file.
_SECONDS = 40.0
# Files that are tried for one picture: those excluded by rule may be no pictures at all.
_TRIES = 3
_LINE = 16  # characters of a caption


def final_pictures(
    table: pa.Table, read: Callable[[str], np.ndarray], count: int, rng: random.Random
) -> Iterator[Sheet]:
    """Of each device some pictures as they are in the database, under their names.

    Args:
        table: The index.
        read: Gives the image uint8 [H, W] of a path in it.
        count: At most, on a sheet.
        rng: Draws them.
    """
    for device, rows in _by_device(table):
        paths = table['path'].take(sorted(rng.sample(rows, min(count, len(rows))))).to_pylist()
        yield device, [Tile(read(path), _lines(Path(path).stem)) for path in paths]


def painted_pictures(
    table: pa.Table,
    journal: Journal,
    options: Options,
    count: int,
    rng: random.Random,
    scanners: Sequence[Scanner] = (),
) -> Iterator[Sheet]:
    """Of each device some pictures before and after text was painted over, read again.

    Args:
        table: The index.
        journal: For the files.
        options: How pictures are made.
        count: Of pairs, at most, on a sheet.
        rng: Draws them.
        scanners: Those whose picture lies in a known place.
    """
    places = {scanner.key: scanner for scanner in scanners}
    painted = {id.hex() for id in _painted(journal)}
    files = table['_file'].cast(pa.string()).to_pylist()
    for device, rows in _by_device(table):
        known = sorted({files[row] for row in rows} & painted)
        tiles: list[Tile] = []
        first = partial(_first_painted, device, places)
        for file in rng.sample(known, len(known))[: _TRIES * count]:
            picture = _attempt(first, journal.place(bytes.fromhex(file)), options)
            if picture is not None and picture.before is not None:
                # corners beside a sector become black and are no text
                changed = (picture.before != picture.pixels) & (picture.pixels > 0)
                solid = cv2.morphologyEx(
                    changed.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)
                )
                tiles.append(Tile(picture.before, _lines(file), prediction=solid))
                tiles.append(Tile(picture.pixels, f'after\nframe {picture.frame}'))
            if len(tiles) == 2 * count:
                break
        yield device, tiles


def rejected_pictures(
    journal: Journal, options: Options, count: int, rng: random.Random
) -> Iterator[Sheet]:
    """The first frames of some files of which nothing was taken, by reason.

    Of those that could be opened: left out by a rule, or all their frames.

    Args:
        journal: For the files.
        options: How pictures are made.
        count: At most, on a sheet.
        rng: Draws them.
    """
    files: dict[str, list[Place]] = {}
    for path, reason, detail, name in journal.rejected():
        if reason == NO_FRAME:
            files.setdefault(_main_reason(detail), []).append((path, name))
        elif reason == EXCLUDED:
            files.setdefault(reason, []).append((path, name))
    for reason, places in sorted(files.items()):
        tiles: list[Tile] = []
        tried = rng.sample(places, min(_TRIES * count, len(places)))
        frames = (_attempt(_first_frame, place, options) for place in tried)
        if reason == EXCLUDED:  # perhaps because it kills its reader
            work = partial(_first_frames, options)
            frames = (one for (one,) in one_by_one(work, lambda place: None, tried))
        for (path, _), frame in zip(tried, frames, strict=False):
            if frame is not None:
                tiles.append(Tile(frame, _lines(Path(path).name[-2 * _LINE :])))
            if len(tiles) == count:
                break
        frames.close()  # and with it the process that reads them
        yield reason, tiles


def _by_device(table: pa.Table) -> Iterator[tuple[str, list[int]]]:
    devices = table['device'].cast(pa.string()).to_pylist()
    rows: dict[str, list[int]] = {}
    for row, device in enumerate(devices):
        rows.setdefault(device or 'device not known', []).append(row)
    yield from sorted(rows.items())


def _painted(journal: Journal) -> Sequence[bytes]:
    """Keyed hashes of the files from which text was painted over."""
    with journal.transaction() as db:
        return [
            row[0]
            for row in db.execute(
                'SELECT files.id FROM files JOIN tallies ON tallies.id = files.tally '
                'WHERE json_extract(content, ?) > 0 ORDER BY files.id',
                (f'$.removed."{PAINTED}"',),
            )
        ]


def _main_reason(detail: str) -> str:
    frames = json.loads(detail)
    frames.pop('thinned by rate', None)
    return max(sorted(frames), key=lambda reason: frames[reason], default=NO_FRAME)


def _attempt(function: Callable[[Path, Options], T], place: Place, options: Options) -> T | None:
    try:
        with bounded_memory(), at_hand(*place) as path, stopped_after(_SECONDS):
            return function(path, options)
    # It may be gone, or another file by now; then there is one picture less to look at.
    except Exception:
        return None


def _first_painted(
    device: str, places: Mapping[Key, Scanner], path: Path, options: Options
) -> Picture | None:
    def known(_: object, size: tuple[int, int], regions: tuple[Box, ...]) -> Scanner | None:
        return places.get((device, size, regions))

    pictures = extract(path, options, _SECONDS, known).pictures
    return next((picture for picture in pictures if PAINTED in picture.removed), None)


def _first_frames(options: Options, places: list[Place]) -> list[np.ndarray | None]:
    with killed_after(1.5 * _SECONDS):
        return [_attempt(_first_frame, place, options) for place in places]


def _first_frame(path: Path, options: Options) -> np.ndarray | None:
    frames = (pixels for _, pixels in open_clip(path, options, _SECONDS).read(1))
    pixels: Any = next((pixels for pixels in frames if pixels is not None), None)
    return None if pixels is None else reduced(to_grey(pixels))


def _lines(text: str) -> str:
    lines = [text[start : start + _LINE] for start in range(0, len(text), _LINE)]
    return '\n'.join(lines).replace('$', r'\$')
