"""What somebody should look at before a database is shared, and the list of who did."""

import csv
import datetime
import io
import random
from contextlib import ExitStack
from pathlib import Path

import pyarrow.parquet as pq

from usfm_mm.database.places import finished
from usfm_mm.database.publish import INDEX_NAME
from usfm_mm.database.samples import final_pictures, painted_pictures, rejected_pictures
from usfm_mm.database.scanners_file import kept_scanners
from usfm_mm.database.shards import merged_from
from usfm_mm.database.sheets import are_of, content_hash, discard_sheets, sheets_done, write_sheet
from usfm_mm.database.stores import open_stores
from usfm_mm.io.atomic import write_atomic

SIGNED_NAME = 'signed_off.csv'
_COLUMNS = ('name', 'date', 'images', 'index_sha256')


def write_sheets(
    out: Path,
    key_file: Path | None,
    journal_folder: Path | None = None,
    count: int = 48,
    seed: int = 0,
) -> list[Path]:
    """Draw sheets of pictures, chosen at random, in the folder ``review`` beside the journal.

    For each device one of pictures of the database, and one of pictures before and after text was
    painted over; for each reason one of files of which nothing was taken. For the last two, files
    of the sources are read again; those that are gone or give no picture are left out.

    Args:
        out: Folder of the database.
        key_file: See :func:`~usfm_mm.database.identity.read_key`.
        journal_folder: By default the one beside the key.
        count: Pictures on a sheet, at most; a quarter as many pairs of before and after.
        seed: Another one draws others.

    Returns:
        The sheets.

    Raises:
        ValueError: There is no such database, its key is another one, or the count is none.
    """
    if count < 1:
        raise ValueError(f'--pictures must be 1 or more, got {count}')
    with ExitStack() as stack:
        journal, settings, private = stack.enter_context(finished(out, key_file, journal_folder))
        read = stack.enter_context(open_stores(out, settings.packed, merged_from(journal))).read
        table = pq.read_table(out / INDEX_NAME, columns=['path', 'device', '_file'])
        scanners = kept_scanners(private, settings.scanners)
        pairs = max(count // 4, 1)
        rng, options = random.Random(seed), settings.options
        discard_sheets(private)
        written = [
            write_sheet(private, kind, number, title, tiles)
            for kind, sheets in (
                ('pictures', final_pictures(table, read, count, rng)),
                (
                    'text',
                    painted_pictures(table, journal, options, pairs, rng, scanners),
                ),
                ('rejected', rejected_pictures(journal, options, count, rng)),
            )
            for number, (title, tiles) in enumerate(sheets, 1)
            if tiles
        ]
        sheets_done(private, out / INDEX_NAME)
    return written


def sign_off(
    out: Path, name: str, key_file: Path | None, journal_folder: Path | None = None
) -> Path:
    """Add a line to ``signed_off.csv`` in a database: who looked, when, and at what content.

    Args:
        out: Folder of the database.
        name: Of who looked.
        key_file: As for :func:`write_sheets`, which must have drawn this very content.
        journal_folder: Likewise.

    Returns:
        The list.

    Raises:
        ValueError: No sheets were drawn of what is in the database now, or the name is none.
    """
    name = name.strip()
    if not name or not name.isprintable() or name[0] in '=+-@':  # spreadsheets run formulas
        raise ValueError(f'--signed-by needs the name of who looked at the sheets, got {name!r}')
    with finished(out, key_file, journal_folder) as (_, _, private):
        index, path = out / INDEX_NAME, out / SIGNED_NAME
        if not are_of(private, index):
            raise ValueError(
                f'no sheets were drawn of what is in {out} now: run the same command without '
                '--signed-by, look at them, then sign'
            )
        lines = io.StringIO(newline='')
        writer = csv.writer(lines, lineterminator='\n')
        if not path.is_file():
            writer.writerow(_COLUMNS)
        images = pq.read_metadata(index).num_rows
        writer.writerow((name, datetime.date.today().isoformat(), images, content_hash(index)))
        before = path.read_bytes() if path.is_file() else b''
        write_atomic(path, before + lines.getvalue().encode())
    return path
