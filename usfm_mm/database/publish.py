"""From the journal to the database: duplicates, split, index, report.

The same journal gives the same database, in whatever order its files were read.
"""

import csv
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from rich.console import Console

import usfm_mm
from usfm_mm.curation.split import val_split
from usfm_mm.database.chunk import EXCLUDED
from usfm_mm.database.dedup import (
    HASH_BYTES,
    OVERLAP,
    PHASH_COLUMN,
    first_kept,
    near_pairs,
)
from usfm_mm.database.identity import DIGEST_BYTES
from usfm_mm.database.journal import Journal
from usfm_mm.database.report import write_report
from usfm_mm.database.rules import UNKNOWN
from usfm_mm.database.store import PackedStore, image_path, remove_strays
from usfm_mm.io.atomic import write_atomic
from usfm_mm.io.image import read_grey
from usfm_mm.io.index import codes, write_index

INDEX_NAME, REPORT_NAME, ABOUT_NAME = 'index.parquet', 'report.html', 'database.json'
REJECTED_NAME, DUPLICATES_NAME = 'rejected.csv', 'duplicates.csv'
NO_FRAME = 'every frame left out'

_LABELS = ('organ', 'center', 'device', 'patient', 'study')
# Of duplicates the first one stays: one that was in the database before, then one whose organ is
# known, then by keyed hash, which is as good as drawing lots but always falls alike.
_ORDER = f"files.generation, images.organ = '{UNKNOWN}', images.file, images.number"
_BLOCK = 4096


@dataclass
class Images:
    """Every image that was read, in order of precedence.

    Attributes:
        name: Keyed hashes of the pixels, S32 hexadecimal [N].
        phash: uint8 [N, 32].
        file: The file's keyed hash, S32 [N].
        frame: int32 [N].
        moments: Mean grey level and mean squared grey level, float64 [N, 2].
        labels: Dictionary-encoded organ, center, device, patient, study.
    """

    name: np.ndarray
    phash: np.ndarray
    file: np.ndarray
    frame: np.ndarray
    moments: np.ndarray
    labels: dict[str, pa.DictionaryArray]


def finish(
    journal: Journal,
    out: Path,
    private: Path,
    store: PackedStore | None,
    settings: Any,
    console: Console,
) -> int:
    """Write index, report and ``database.json``, and remove images that are not in the index.

    An image may be missing that belongs into the index: it had been removed as the copy of another
    one, which has changed or is held out since. Then nothing is written; the journal forgets it.

    Args:
        journal: What was read.
        out: Folder of the database.
        private: Folder for the lists that name source files.
        store: The packed store, open; None for PNG files.
        settings: :class:`~usfm_mm.database.build.Settings`.
        console: For the results.

    Returns:
        How many images are missing; 0 if the database is complete.
    """
    with console.status('finding duplicates'):
        images = _load(journal)
        held_out = np.array(
            [
                np.frombuffer(row[0], np.uint8)
                for row in journal.rows('SELECT phash FROM held_out ORDER BY phash')
            ],
            np.uint8,
        ).reshape(-1, HASH_BYTES)
        fate, instead = judge(images, held_out, settings.near)
    kept = np.flatnonzero(fate == KEPT)
    lost = [
        i
        for i, name in zip(kept.tolist(), images.name[kept].tolist(), strict=True)
        if not _is_stored(out, store, image_path(bytes.fromhex(name.decode())))
    ]
    if lost:
        journal.lose(
            (bytes.fromhex(images.file[i].decode()), bytes.fromhex(images.name[i].decode()))
            for i in lost
        )
        return len(lost)
    with console.status('writing the index'):
        kept = kept[np.argsort(images.name[kept])]
        table = _table(images, kept, settings.val_fraction)
        _write_lists(journal, private, images, fate, instead)
        if len(kept):
            write_index(table, out / INDEX_NAME)
        else:
            (out / INDEX_NAME).unlink(missing_ok=True)
    with console.status('removing duplicates'):
        if store is None:
            remove_strays(out, images.name[kept])
        else:
            store.keep_only(images.name[kept])
    counts = {name: int((fate == value).sum()) for name, value in FATES.items()}
    mean, square = images.moments[kept].mean(0) if len(kept) else (0.0, 0.0)
    about = {
        'images': len(kept),
        'mean': round(float(mean), 3),
        'std': round(float(np.sqrt(max(0.0, square - mean**2))), 3),
        'size': settings.size,
        'packed': settings.packed,
        'near': settings.near,
        'usfm_mm': usfm_mm.__version__,
    }
    write_atomic(out / ABOUT_NAME, (json.dumps(about, indent=2) + '\n').encode())
    read = store.read if store is not None else lambda path: read_grey(out / path)
    write_report(out / REPORT_NAME, table, about, counts, journal, read)
    _summarise(table, about, counts, journal, out, private, console)
    return 0


def _is_stored(out: Path, store: PackedStore | None, path: str) -> bool:
    if store is not None:
        return store.has(path)
    try:
        return (out / path).stat().st_size > 0  # a power cut may leave an empty file
    except FileNotFoundError:
        return False


KEPT, EXACT, ALIKE, HELD_OUT = range(4)
FATES = {'kept': KEPT, 'exact': EXACT, 'near': ALIKE, 'held out': HELD_OUT}


def judge(images: Images, held_out: np.ndarray, near: int) -> tuple[np.ndarray, np.ndarray]:
    """Decide which images stay.

    Args:
        images: In order of precedence.
        held_out: Perceptual hashes uint8 [M, 32] of images that must not be in the database, nor
            any that differ in at most 32 bits.
        near: Bits in which near duplicates differ at most.

    Returns:
        Fate of each image, int8 [N], one of :data:`FATES`; and the position of the image that
        stays in its place, int64 [N], -1 where there is none.
    """
    count = len(images.name)
    fate = np.zeros(count, np.int8)
    instead = np.full(count, -1, np.int64)
    for rows, _, _ in near_pairs(images.phash, OVERLAP, held_out):
        fate[rows] = HELD_OUT

    rows = np.flatnonzero(fate == KEPT)
    _, first, kind = np.unique(images.name[rows], return_index=True, return_inverse=True)
    original = rows[first][kind.reshape(-1)]
    copy = original != rows
    fate[rows[copy]] = EXACT
    instead[rows[copy]] = original[copy]

    rows = rows[~copy]
    _, clips = np.unique(images.file[rows], return_inverse=True)
    found = first_kept(images.phash[rows], clips.reshape(-1), near)
    alike = found >= 0
    fate[rows[alike]] = ALIKE
    instead[rows[alike]] = rows[found[alike]]

    # A copy of an image that goes, goes with it.
    copies = np.flatnonzero(fate == EXACT)
    gone = fate[instead[copies]] == ALIKE
    fate[copies[gone]] = ALIKE
    instead[copies[gone]] = instead[instead[copies[gone]]]
    return fate, instead


def _load(journal: Journal) -> Images:
    (count,) = next(journal.rows('SELECT COUNT(*) FROM images'))
    images = Images(
        name=np.empty(count, f'S{2 * DIGEST_BYTES}'),
        phash=np.empty((count, HASH_BYTES), np.uint8),
        file=np.empty(count, f'S{2 * DIGEST_BYTES}'),
        frame=np.empty(count, np.int32),
        moments=np.empty((count, 2)),
        labels={},
    )
    indices = np.empty((len(_LABELS), count), np.int32)
    names: list[dict[str | None, int]] = [{} for _ in _LABELS]
    rows = journal.rows(
        f'SELECT images.file, frame, name, phash, mean, square, {", ".join(_LABELS)} FROM images '
        f'JOIN files ON files.id = images.file ORDER BY {_ORDER}'
    )
    for i, (file, frame, name, phash, mean, square, *labels) in enumerate(rows):
        images.name[i], images.file[i], images.frame[i] = name.hex(), file.hex(), frame
        images.phash[i] = np.frombuffer(phash, np.uint8)
        images.moments[i] = mean, square
        for j, label in enumerate(labels):
            indices[j, i] = -1 if label is None else names[j].setdefault(label, len(names[j]))
    for name, values, index in zip(_LABELS, names, indices, strict=True):
        images.labels[name] = pa.DictionaryArray.from_arrays(
            pa.array(index, mask=index < 0), pa.array(list(values), pa.string())
        )
    return images


def _table(images: Images, kept: np.ndarray, val_fraction: float) -> pa.Table:
    """Index of the images that stay, sorted by path."""
    columns: dict[str, Any] = {
        'path': pa.array(
            (image_path(bytes.fromhex(name.decode())) for name in images.name[kept].tolist()),
            pa.string(),
        )
    }
    for name in _LABELS:
        column = images.labels[name].take(pa.array(kept))
        # Without the names that no image has any more: they would appear as organs.
        columns[name] = column.cast(pa.string()).dictionary_encode()
    organs, _ = codes(pa.chunked_array([columns['organ']]))
    patients, _ = codes(pa.chunked_array([columns['patient']]))
    val = val_split(organs, patients, val_fraction) if len(kept) else np.zeros(0, bool)
    columns['split'] = pa.array(np.where(val, 'val', 'train'), pa.string()).dictionary_encode()
    columns['_study'] = columns.pop('study')
    columns['_file'] = pa.array(images.file[kept].astype(str), pa.string()).dictionary_encode()
    columns['_frame'] = pa.array(images.frame[kept])
    columns[PHASH_COLUMN] = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(HASH_BYTES), len(kept), [None, pa.py_buffer(images.phash[kept].tobytes())]
    )
    return pa.table(columns)


def _write_lists(
    journal: Journal, private: Path, images: Images, fate: np.ndarray, instead: np.ndarray
) -> None:
    """For the holder of the key: what was rejected, and what was left out for what."""

    def source(i: int) -> tuple[str, int]:
        id = bytes.fromhex(images.file[i].decode())
        (path,) = next(journal.rows('SELECT path FROM files WHERE id = ?', id))
        return path, int(images.frame[i])

    _write_csv(
        private / REJECTED_NAME,
        ('path', 'reason', 'detail'),
        journal.rows(
            "SELECT path, CASE reason WHEN '' THEN ? ELSE reason END, "
            "CASE reason WHEN '' THEN json_extract(content, '$.frames') ELSE detail END "
            'FROM files JOIN tallies ON tallies.id = files.tally '
            "WHERE reason != '' OR files.id NOT IN (SELECT file FROM images) "
            'ORDER BY reason = ?, reason, path',
            NO_FRAME,
            EXCLUDED,
        ),
    )
    names = {value: name for name, value in FATES.items()}
    _write_csv(
        private / DUPLICATES_NAME,
        ('path', 'frame', 'left_out_as', 'stays_path', 'stays_frame', 'bits'),
        (
            (
                *source(i),
                names[int(fate[i])],
                *(source(j) if j >= 0 else ('', '')),
                int(np.unpackbits(images.phash[i] ^ images.phash[j]).sum()) if j >= 0 else '',
            )
            for i in np.flatnonzero(fate != KEPT).tolist()
            for j in (int(instead[i]),)
        ),
    )


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    temporary = path.with_name(path.name + '.tmp')
    with open(temporary, 'w', newline='', encoding='utf-8') as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    os.replace(temporary, path)


def _summarise(
    table: pa.Table,
    about: dict,
    counts: dict[str, int],
    journal: Journal,
    out: Path,
    private: Path,
    console: Console,
) -> None:
    for reason, number in journal.rows(
        "SELECT reason, COUNT(*) FROM files WHERE reason != '' GROUP BY reason ORDER BY 2 DESC"
    ):
        console.print(f'{number:,} files left out: {reason}', markup=False)
    console.print(
        f'{counts["exact"]:,} exact and {counts["near"]:,} near duplicates left out, '
        f'{counts["held out"]:,} that are held out',
        markup=False,
    )
    unknown = table['organ'].to_pylist().count(UNKNOWN)
    if unknown:
        console.print(
            f'{unknown:,} images of an unknown organ: their organ is called "{UNKNOWN}". Add rules '
            'before you read more (docs/database.md)',
            markup=False,
        )
    if not len(table):
        console.print(
            f'no images: {private / REJECTED_NAME} and {out / REPORT_NAME} tell why',
            markup=False,
            soft_wrap=True,
        )
        return
    console.print(
        f'For the config, in grey levels: mean=[{about["mean"]:.2f}], std=[{about["std"]:.2f}]',
        markup=False,
    )
    console.print(
        f'{len(table):,} images in {out}; report: {out / REPORT_NAME}; what was left out, with '
        f'the names of the files (private): {private}',
        markup=False,
        soft_wrap=True,
    )
