"""What a run tells its user: lists that name sources (PRIVATE), and the lines at its end."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from rich.console import Console

from usfm_mm.database.duplicates import FATES, KEPT
from usfm_mm.database.images import Images
from usfm_mm.database.journal import Journal
from usfm_mm.database.rules import UNKNOWN
from usfm_mm.io.atomic import atomic_path

REJECTED_NAME, DUPLICATES_NAME = 'rejected.csv', 'duplicates.csv'
DOUBTFUL_NAME = 'doubtful.csv'


def write_lists(
    journal: Journal, private: Path, images: Images, fate: np.ndarray, kept_as: np.ndarray
) -> None:
    """For the holder of the key: what was rejected, and what was left out for what."""

    def source(i: int) -> tuple[str, int]:
        return journal.place(bytes.fromhex(images.file[i].decode()))[0], int(images.frame[i])

    def duplicates() -> Iterable[Sequence[object]]:
        names = {value: name for name, value in FATES.items()}
        for i in np.flatnonzero(fate != KEPT).tolist():
            left_out, j = (*source(i), names[int(fate[i])]), int(kept_as[i])
            if j < 0:
                yield (*left_out, '', '', '')
            else:
                bits = int(np.unpackbits(images.phash[i] ^ images.phash[j]).sum())
                yield (*left_out, *source(j), bits)

    rejected = (row[:3] for row in journal.rejected())
    _write_csv(private / REJECTED_NAME, ('path', 'reason', 'detail'), rejected)
    _write_csv(private / DOUBTFUL_NAME, ('path', 'images'), journal.doubtful())
    header = ('path', 'frame', 'left_out_as', 'stays_path', 'stays_frame', 'bits')
    _write_csv(private / DUPLICATES_NAME, header, duplicates())


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with atomic_path(path) as temporary, open(temporary, 'w', newline='', encoding='utf-8') as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def summary(
    table: pa.Table, about: dict, counts: dict[str, int], journal: Journal
) -> Iterable[str]:
    """Lines on what was left out, and what the config needs."""
    for reason, number in journal.reasons().most_common():
        if reason:
            yield f'{number:,} files left out: {reason}'
    yield (
        f'{counts["exact"]:,} exact and {counts["near"]:,} near duplicates left out, '
        f'{counts["excluded like"]:,} that are like images to exclude'
    )
    if counts['withdrawn']:
        yield f'{counts["withdrawn"]:,} images kept out that were withdrawn, their copies included'
    for doubt, number in journal.tallies()['doubts'].items():
        yield (
            f'{number:,} images kept that look {doubt} (photographs, CT, MR?): {DOUBTFUL_NAME} '
            'names their files. Add exclude rules, or build anew with --implausible skip'
        )
    unknown = table['organ'].to_pylist().count(UNKNOWN)
    if unknown:
        yield (
            f'{unknown:,} images of an unknown organ: their organ is called "{UNKNOWN}". Add rules '
            'before you read more (docs/database.md)'
        )
    if len(table):
        yield (
            f'For the config, in grey levels: mean=[{about["mean"]:.2f}], std=[{about["std"]:.2f}]'
        )


def print_lines(console: Console, lines: Iterable[str]) -> None:
    """Print text as it is, in lines as long as they are."""
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
