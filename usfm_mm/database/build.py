"""Building a database, or adding to one: list, read on all cores, finish.

What is done is in a journal beside the key, so that a run may be killed at any moment.
"""

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
from rich.console import Console
from rich.progress import Progress, TaskID

from usfm_mm.database.chunk import (
    CRASHED,
    EXCLUDED,
    FAILED,
    Job,
    crashed_file,
    process_chunk,
)
from usfm_mm.database.dedup import MAX_NEAR, NEAR
from usfm_mm.database.identity import Identity, read_key
from usfm_mm.database.journal import Journal, JournalError
from usfm_mm.database.listing import SourceFile, check_sources, in_chunks, walk
from usfm_mm.database.overlap import hashes_of
from usfm_mm.database.publish import INDEX_NAME, finish
from usfm_mm.database.rules import read_rules
from usfm_mm.database.store import OutputError, PackedStore
from usfm_mm.database.types import Options
from usfm_mm.database.workers import Cluster, process_all
from usfm_mm.io.progress import progress_bar

JOURNAL_NAME = 'journal.sqlite'

# May be mended when a later run meets the file: a package, memory, a mount.
_PASSING = ('unreadable', 'unsupported compression', FAILED, CRASHED)
_SAMPLE = 1000


@dataclass(frozen=True)
class Settings:
    """What is the same for all images of a database, whenever they were added.

    Attributes:
        size: Side of the images in pixels, 0 to keep theirs.
        packed: One LMDB file instead of PNG files.
        near: Bits in which the perceptual hashes of near duplicates differ at most.
        val_fraction: Share of each organ's images held out as split "val".
        options: How pictures are made.

    Raises:
        ValueError: A number is out of range.
    """

    size: int = 256
    packed: bool = False
    near: int = NEAR
    val_fraction: float = 0.01
    options: Options = field(default_factory=Options)

    def __post_init__(self) -> None:
        if not 0 <= self.size <= 4096:
            raise ValueError(f'size must be from 0 to 4096 pixels, got {self.size}')
        if not 0 <= self.near <= MAX_NEAR:
            raise ValueError(f'near must be from 0 to {MAX_NEAR} bits, got {self.near}')
        if not 0 < self.val_fraction < 1:
            raise ValueError(f'val_fraction must be in (0, 1), got {self.val_fraction}')


def build(
    sources: Sequence[Path],
    out: Path,
    key_file: Path | None,
    rules_file: Path | None = None,
    settings: Settings | None = None,
    held_out: Sequence[Path] = (),
    journal_folder: Path | None = None,
    cluster: Cluster | None = None,
    console: Console | None = None,
) -> None:
    """Make a database of sources, go on with one, or add sources to it.

    Args:
        sources: Folders and files.
        out: Folder of the database.
        key_file: See :func:`~usfm_mm.database.identity.read_key`.
        rules_file: See :func:`~usfm_mm.database.rules.read_rules`.
        settings: The same in every run on one database.
        held_out: Data sets whose images must not be in the database, such as test sets.
        journal_folder: Private folder for what is done so far; by default one beside the key.
        cluster: By default all cores of this machine.
        console: For progress and results.

    Raises:
        ValueError: Something about the arguments is wrong, or does not go with what is there.
        OutputError: The database cannot be written, for instance because the disk is full.
        OSError: A file beside it cannot be read or written.
    """
    settings, cluster, console = settings or Settings(), cluster or Cluster(), console or Console()
    key = read_key(key_file, out)
    check_sources([*sources, *held_out], out)
    rules = read_rules(rules_file)
    identity = Identity(key)
    folder = journal_folder or default_journal_folder(Path(str(key_file)), out)
    _check_place(folder, out)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if folder.stat().st_mode & 0o077:
        raise JournalError(
            f'others may look into {folder}, where the journal names patients: chmod 700 {folder}'
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            journal = stack.enter_context(Journal(folder / JOURNAL_NAME))
            _check_settings(journal, identity, settings)
            store = stack.enter_context(PackedStore(out)) if settings.packed else None
            if held_out:
                journal.hold_out(hashes_of(held_out, settings.options, cluster.workers, console))
            job = Job(
                identity,
                rules,
                settings.options,
                settings.size,
                # workers on other machines have other working folders
                None if settings.packed else out.resolve(),
                os.getpid() if cluster.backend == 'loky' else None,
            )
            _check_same(journal, out, folder)
            _read_all(sources, job, journal, store, cluster, console)
            while lost := finish(journal, out, folder, store, settings, console):
                console.print(
                    f'{lost:,} images are missing, whose copies are gone: what of them lies in the '
                    'sources is read again'
                )
                _read_all(sources, job, journal, store, cluster, console)
            journal.save_setting('generation', str(_generation(journal) + 1))
    except (OutputError, sqlite3.OperationalError) as error:
        raise OutputError(
            f'{error}. Free some space, or mend what else is wrong with {out} or {folder}, and '
            'give the same command again: what is done is kept'
        ) from error


def default_journal_folder(key_file: Path, out: Path) -> Path:
    """Beside the key, which is private too: ``KEY.d/NAME-CODE`` for the database's place."""
    code = hashlib.sha256(os.fsencode(out.resolve())).hexdigest()[:8]
    return key_file.resolve().with_name(f'{key_file.name}.d') / f'{out.resolve().name}-{code}'


def _check_place(folder: Path, out: Path) -> None:
    if out.resolve() in (folder.resolve(), *folder.resolve().parents):
        raise JournalError(
            f'the journal {folder} names the sources: it must lie outside of the database {out}'
        )
    if not (folder / JOURNAL_NAME).exists() and out.exists() and any(out.iterdir()):
        raise JournalError(
            f'{out} is not empty, and there is no journal {folder / JOURNAL_NAME} of what is in '
            'it. Name another folder; or, if this database was moved or has another key, name its '
            'journal with --journal'
        )


def _check_same(journal: Journal, out: Path, folder: Path) -> None:
    """Refuse the journal of another database: what is not in it would be removed."""
    if not (out / INDEX_NAME).is_file():
        return
    files = pq.read_table(out / INDEX_NAME, columns=['_file'])['_file'][:_SAMPLE].to_pylist()
    strange = sum(journal.known(bytes.fromhex(file)) is None for file in files)
    if 2 * strange > len(files):
        raise JournalError(
            f'{folder} is the journal of another database than {out}: name its own with --journal'
        )


def _check_settings(journal: Journal, identity: Identity, settings: Settings) -> None:
    # The key's fingerprint; a changed key would give a patient another hash.
    wanted = {'key': identity.digest('key').hex(), **_flat(settings)}
    stored = journal.setting('settings')
    if stored is None:
        journal.save_setting('settings', json.dumps(wanted))
        return
    for name, value in json.loads(stored).items():
        if value != wanted.get(name):
            told = (
                'has another key than this database was begun with'
                if name == 'key'
                else f'is {wanted.get(name)}, but this database was begun with {value}'
            )
            raise JournalError(
                f'{"the key file" if name == "key" else name} {told}: give the same, or name a '
                'new folder'
            )


def _flat(settings: Settings) -> dict[str, object]:
    content = asdict(settings)
    return {**content.pop('options'), **content}


def _generation(journal: Journal) -> int:
    return int(journal.setting('generation') or 0)


def _read_all(
    sources: Sequence[Path],
    job: Job,
    journal: Journal,
    store: PackedStore | None,
    cluster: Cluster,
    console: Console,
) -> None:
    """Read what the journal does not have yet, chunk by chunk."""
    generation = _generation(journal)
    with console.status('counting files') as status:
        total = 0
        for total, _ in enumerate(walk(sources), 1):  # noqa: B007
            if total % 10_000 == 0:
                status.update(f'counting files: {total:,}')
    with progress_bar(console) as progress:
        task = progress.add_task('reading', total=total)
        listing = _Listing(sources, job, journal, generation, progress, task)
        images = 0
        work, crashed = partial(process_chunk, job), partial(crashed_file, job)
        for records in process_all(work, crashed, listing, cluster):
            if store is not None:
                store.put(
                    [
                        (image.name, image.pixels)
                        for record in records
                        for image in record.images
                        if image.pixels is not None
                    ]
                )
            journal.add(records, generation)
            images += sum(len(record.images) for record in records)
            progress.update(task, advance=len(records), description=f'reading ({images:,} images)')
        listing.forget_readable()


class _Listing:
    """Chunks of the files that are not done; joblib asks for them as it goes, in a thread."""

    def __init__(
        self,
        sources: Sequence[Path],
        job: Job,
        journal: Journal,
        generation: int,
        progress: Progress,
        task: TaskID,
    ) -> None:
        self._sources, self._job, self._journal = sources, job, journal
        self._generation = generation
        self._progress, self._task = progress, task
        self._unread: set[bytes] = set()

    def __iter__(self) -> Iterator[list[SourceFile]]:
        return in_chunks(self._todo())

    def _todo(self) -> Iterator[SourceFile]:
        skipped = 0
        for file in walk(self._sources):
            id = self._job.identity.file(file.path)
            if not file.stamp:
                self._unread.add(id)
            if self._is_done(id, file):
                skipped += 1
                # The estimate is of the files that take time.
                if skipped % 1000 == 0:
                    self._skip(1000)
                continue
            yield file
        self._skip(skipped % 1000)

    def _is_done(self, id: bytes, file: SourceFile) -> bool:
        """Was it read as it is now, with the same word of the rules whether to read it?"""
        known = self._journal.known(id)
        if known is None or not file.stamp or known[0] != file.stamp:
            return False
        _, reason, generation = known
        if reason in _PASSING and generation < self._generation:
            return False
        return (reason == EXCLUDED) == self._job.rules.excludes(file.name)

    def _skip(self, count: int) -> None:
        total = self._progress.tasks[self._task].total or 0
        self._progress.update(self._task, total=total - count)

    def forget_readable(self) -> None:
        """Take out of the journal what could not be read once and now can, or is gone."""
        roots = [os.path.abspath(source) for source in self._sources]
        for id, path in list(self._journal.rows("SELECT id, path FROM files WHERE stamp = ''")):
            below = any(path == root or path.startswith(root + os.sep) for root in roots)
            if below and id not in self._unread:
                self._journal.forget(id)
