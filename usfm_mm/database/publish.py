"""From the journal to the database: duplicates, split, index, report.

The same journal gives the same database, in whatever order its files were read.
"""

from pathlib import Path

import numpy as np
from rich.console import Console

import usfm_mm
from usfm_mm.database.duplicates import FATES, KEPT, mark_duplicates
from usfm_mm.database.images import index_of, load_images
from usfm_mm.database.journal import Journal
from usfm_mm.database.lists import REJECTED_NAME, print_lines, summary, write_lists
from usfm_mm.database.options import Settings
from usfm_mm.database.report import write_report
from usfm_mm.database.scanners_file import kept_scanners
from usfm_mm.database.sheets import are_of, discard_sheets
from usfm_mm.database.stores import Stores
from usfm_mm.database.withdrawal import withdrawn
from usfm_mm.io.index import write_index
from usfm_mm.io.json_file import write_json

INDEX_NAME, REPORT_NAME, ABOUT_NAME = 'index.parquet', 'report.html', 'database.json'


def publish(
    journal: Journal,
    out: Path,
    private: Path,
    stores: Stores,
    settings: Settings,
    console: Console,
) -> int:
    """Write index, report and ``database.json``, and remove images that are not in the index.

    An image may be missing that belongs into the index: it had been removed as the copy of another
    one, which has changed or is excluded since. Then nothing is written; the journal forgets it.

    Args:
        journal: What was read.
        out: Folder of the database.
        private: Folder for the lists that name source files.
        stores: Where the images are.
        settings: Those of the database.
        console: For the results.

    Returns:
        How many images are missing; 0 if the database is complete.
    """
    with console.status('finding duplicates'):
        images = load_images(journal)
        fate, kept_as = mark_duplicates(
            images, journal.excluded_hashes(), settings.max_hamming, withdrawn(journal)
        )
    kept = np.flatnonzero(fate == KEPT)
    lost = [i for i in kept.tolist() if not stores.has(images.path(i))]
    if lost:
        keys = ((images.file[i].decode(), images.name[i].decode()) for i in lost)
        journal.lose((bytes.fromhex(file), bytes.fromhex(name)) for file, name in keys)
        return len(lost)
    with console.status('writing the index'):
        kept = kept[np.argsort(images.name[kept])]
        table = index_of(images, kept, settings.val_fraction)
        write_lists(journal, private, images, fate, kept_as)
        if len(kept):
            write_index(table, out / INDEX_NAME)
        else:
            (out / INDEX_NAME).unlink(missing_ok=True)
        if not are_of(private, out / INDEX_NAME):
            discard_sheets(private)
    with console.status('removing duplicates'):
        stores.keep_only(images.name[kept], images.places(kept))
    counts = {name: int((fate == value).sum()) for name, value in FATES.items()}
    mean, square = images.moments[kept].mean(0) if len(kept) else (0.0, 0.0)
    about = {
        'images': len(kept),
        'mean': round(float(mean), 3),
        'std': round(float(np.sqrt(max(0.0, square - mean**2))), 3),
        'size': settings.size,
        'packed': settings.packed,
        'max_hamming': settings.max_hamming,
        'usfm_mm': usfm_mm.__version__,
    }
    if images.shards:
        about['shards'] = images.shards
    scanners = kept_scanners(private, settings.scanners)
    if scanners:
        about['scanners'] = settings.scanners
    write_json(out / ABOUT_NAME, about)
    write_report(out / REPORT_NAME, table, about, counts, journal, stores.read, scanners)
    print_lines(console, summary(table, about, counts, journal))
    where = (
        f'{len(table):,} images in {out}; report: {out / REPORT_NAME}; what was left out, with the '
        f'names of the files (private): {private}'
    )
    none = f'no images: {private / REJECTED_NAME} and {out / REPORT_NAME} tell why'
    print_lines(console, [where if len(table) else none])
    return 0
