"""Taking images out of a finished database."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pyarrow.parquet as pq
from rich.console import Console

from usfm_mm.database.merge import merge
from usfm_mm.database.places import finished
from usfm_mm.database.publish import INDEX_NAME, publish
from usfm_mm.database.stores import open_stores
from usfm_mm.database.withdrawal import withdraw
from usfm_mm.io.packed import SHARDS


def remove_images(
    out: Path,
    hashes: Sequence[str],
    key_file: Path | None,
    journal_folder: Path | None = None,
    console: Console | None = None,
) -> tuple[int, int]:
    """Take the images of patients, studies or files, or single ones, out of a database for good.

    They are noted first, so that a run that was killed is completed by the next one or by a build.

    Args:
        out: Folder of the database.
        hashes: Of a patient, study or file, or an image's name, in hexadecimal digits.
        key_file: See :func:`~usfm_mm.database.identity.read_key`.
        journal_folder: By default the one beside the key.
        console: For what publishing tells.

    Returns:
        How many images went from the index, copies included, and how many stay.

    Raises:
        ValueError: There is no such database, its key is another one, or it has no such image.
        OutputError: The database cannot be written.
    """
    console = console or Console(quiet=True)
    if any(out.glob(SHARDS)):
        before = _paths(out)
        merge(out, key_file, journal_folder, console, hashes)
        after = _paths(out)
        return len(before - after), len(after)
    with ExitStack() as stack:
        journal, settings, folder = stack.enter_context(finished(out, key_file, journal_folder))
        before = _paths(out)
        withdraw(journal, hashes)
        stores = stack.enter_context(open_stores(out, settings.packed))
        # An image that a better copy had replaced comes back with the next build, from its file.
        while publish(journal, out, folder, stores, settings, console):
            pass
    after = _paths(out)
    return len(before - after), len(after)


def _paths(out: Path) -> set[str]:
    if not (out / INDEX_NAME).is_file():  # none was left
        return set()
    return set(pq.read_table(out / INDEX_NAME, columns=['path'])['path'].to_pylist())
