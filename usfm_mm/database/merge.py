"""One database of all shards: their journals are copied into one, from which it is published.

The copy is made anew each time, but for what it alone knows: which run met a file first, and what
was withdrawn. So a merge may be killed and repeated, and the result is that of one builder.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from usfm_mm.database.claim import claim
from usfm_mm.database.identity import Identity, read_key
from usfm_mm.database.journal import Journal
from usfm_mm.database.options import Settings
from usfm_mm.database.places import (
    JOURNAL_NAME,
    check_same,
    check_settings,
    default_journal_folder,
    make_private_folder,
)
from usfm_mm.database.publish import INDEX_NAME, publish
from usfm_mm.database.rules import Rules
from usfm_mm.database.scanners_file import SCANNERS_NAME, kept_scanners, to_text
from usfm_mm.database.shard_checks import check_shards, open_shards
from usfm_mm.database.shards import (
    ShardError,
    again,
    all_shards,
    last_run,
    merged_from,
    note_merged,
    place_of,
)
from usfm_mm.database.store import OutputError
from usfm_mm.database.stores import open_stores
from usfm_mm.database.withdrawal import exclude, recorded_excluded, withdraw
from usfm_mm.io.atomic import write_atomic


def merge(
    out: Path,
    key_file: Path | None,
    journal_folder: Path | None = None,
    console: Console | None = None,
    withdrawing: Sequence[str] = (),
) -> None:
    """Make the index, the report and the lists of all shards, and remove duplicates across them.

    Args:
        out: Folder of the database, with the shards' folders in it.
        key_file: See :func:`~usfm_mm.database.identity.read_key`.
        journal_folder: Private folder with the shards' journals; by default the one beside the key.
        console: For the results.
        withdrawing: Hashes of what is to leave for good, see
            :func:`~usfm_mm.database.withdrawal.withdraw`. It leaves even if images are missing.

    Raises:
        ShardError: A shard is missing, not done, or another than the others; or images are missing
            that it must read again. The message names the shard and what to run.
        ValueError: The key, the journal or a hash is wrong.
        OutputError: The database cannot be written.
    """
    console = console or Console()
    identity = Identity(read_key(key_file, out))
    folder = journal_folder or default_journal_folder(Path(str(key_file)), out)
    try:
        with ExitStack() as stack:
            shards = open_shards(out, folder, stack)
            settings = check_shards(out, folder, shards, identity)
            make_private_folder(folder, out)
            new = not (folder / JOURNAL_NAME).is_file()
            if new and (out / INDEX_NAME).is_file():
                raise ShardError(
                    f'there is no journal {folder / JOURNAL_NAME} of {out / INDEX_NAME}: name the '
                    'folder that it is in with --journal'
                )
            merged = _Merged(folder / JOURNAL_NAME, shards)
            stack.enter_context(merged)
            stack.enter_context(claim(out, merged.code))
            check_settings(merged, identity, settings)
            if merged_from(merged) not in (0, len(shards)):
                raise ShardError(
                    f'{out} was merged from {merged_from(merged)} shards and there are '
                    f'{len(shards)} now: build those in a new folder'
                )
            note_merged(merged, len(shards))
            _keep_scanners(folder, all_shards(len(shards))[0].name, settings)
            with console.status('taking in the shards'):
                merged.take()
            check_same(merged, out, folder)
            withdraw(merged, withdrawing)
            merged.exclude_moved()
            stores = stack.enter_context(open_stores(out, settings.packed, len(shards)))
            lost = publish(merged, out, folder, stores, settings, console)
            while withdrawing and publish(merged, out, folder, stores, settings, console):
                pass
            if lost and not withdrawing:
                raise ShardError(f'{out} is not complete: {merged.outstanding(out)}')
            merged.next_generation()
            if lost:
                console.print(merged.outstanding(out), markup=False, soft_wrap=True)
    except (OutputError, sqlite3.OperationalError) as error:
        raise OutputError(
            f'{error}. Free some space, or mend what else is wrong with {out} or {folder}, and '
            'give the same command again'
        ) from error


def _keep_scanners(folder: Path, shard: str, settings: Settings) -> None:
    """All shards have the same known scanners, which the report shows."""
    if scanners := kept_scanners(folder / shard, settings.scanners):
        write_atomic(folder / SCANNERS_NAME, to_text(scanners).encode())


class _Merged(Journal):
    """The copy of all shards' journals, which are open; what it loses, they lose too."""

    def __init__(self, path: Path, shards: Sequence[Journal]) -> None:
        super().__init__(path)
        self._shards, self._lost = shards, 0

    def take(self) -> None:
        """Copy the shards, in one transaction; a file that was there before keeps its place."""
        generation = self.generation
        with self.transaction() as db:
            db.execute('CREATE TEMP TABLE before (id BLOB PRIMARY KEY, generation) WITHOUT ROWID')
            db.execute("INSERT INTO before SELECT id, generation FROM files WHERE reason = ''")
            for table in ('files', 'images', 'tallies'):
                db.execute(f'DELETE FROM {table}')
            for shard in self._shards:
                with shard.transaction() as source:
                    _copy(source, db, generation)
            db.execute('DROP TABLE before')

    def lose(self, images: Iterable[tuple[bytes, bytes]]) -> None:
        """Take out images here and in their shards, which are to be run again."""
        images = list(images)
        super().lose(images)
        self._lost += len(images)
        for shard, own in self._by_shard(images):
            again(shard)
            shard.lose((file, name) for file, name in own)

    def exclude_moved(self) -> None:
        """Take out files that moved to a place, perhaps in another shard, that is excluded."""
        gone = recorded_excluded(self, Rules((), ()))
        exclude(self, gone)
        for shard, own in self._by_shard((file,) for file in gone):
            exclude(shard, (file for (file,) in own))

    def outstanding(self, out: Path) -> str:
        """What was lost, and which shards are to be run again."""
        commands = [
            shard.command(out)
            for shard, journal in zip(all_shards(len(self._shards)), self._shards, strict=True)
            if not last_run(journal)
        ]
        return (
            f'{self._lost:,} images are missing, whose copies are gone. Run these again, then '
            f'usfm merge-shards {out}: {"; ".join(commands)}'
        )

    def _by_shard(
        self, items: Iterable[tuple[bytes, ...]]
    ) -> Iterator[tuple[Journal, list[tuple[bytes, ...]]]]:
        """What belongs to a file, whose keyed hash comes first, by the file's shard."""
        groups: dict[int, list[tuple[bytes, ...]]] = {}
        for item in items:
            groups.setdefault(place_of(item[0], len(self._shards)), []).append(item)
        return ((self._shards[place], own) for place, own in groups.items())


def _copy(source: sqlite3.Connection, db: sqlite3.Connection, generation: int) -> None:
    """Add all that a shard's journal holds of files and images."""
    tallies: dict[int, int] = {}
    for id, content in source.execute('SELECT id, content FROM tallies'):
        db.execute('INSERT OR IGNORE INTO tallies (content) VALUES (?)', (content,))
        row = db.execute('SELECT id FROM tallies WHERE content = ?', (content,)).fetchone()
        tallies[id] = row[0]
    columns = 'id, path, stamp, reason, detail, name, target'
    files = source.execute(f'SELECT tally, {columns} FROM files')
    db.executemany(
        f'INSERT INTO files (tally, {columns}, generation) VALUES (?, ?, ?, ?, ?, ?, ?, ?, '
        'coalesce((SELECT generation FROM before WHERE id = ?), ?))',
        ((tallies[tally], id, *rest, id, generation) for tally, id, *rest in files),
    )
    images = source.execute('SELECT * FROM images')
    marks = ', '.join('?' * len(images.description))
    db.executemany(f'INSERT INTO images VALUES ({marks})', images)
    held_out = source.execute('SELECT phash FROM held_out')
    db.executemany('INSERT OR IGNORE INTO held_out VALUES (?)', held_out)
