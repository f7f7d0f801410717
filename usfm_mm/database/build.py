"""Building a database, or adding to one: list, read on all cores, publish.

What is done is in a journal beside the key, so that a run may be killed at any moment.
"""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from rich.console import Console

from usfm_mm.database.chunk import Job, crashed_file, process_chunk
from usfm_mm.database.claim import claim
from usfm_mm.database.fetch import remove_left_copies
from usfm_mm.database.identity import Identity, read_key
from usfm_mm.database.journal import Journal
from usfm_mm.database.listing import check_sources, walk
from usfm_mm.database.options import Settings
from usfm_mm.database.overlap import hashes_of
from usfm_mm.database.pending import PendingFiles
from usfm_mm.database.places import (
    JOURNAL_NAME,
    check_hashes,
    check_new,
    check_same,
    check_settings,
    default_journal_folder,
    make_journal_folder,
    make_private_folder,
)
from usfm_mm.database.publish import publish
from usfm_mm.database.remote import Remote, paths_of
from usfm_mm.database.rules import read_rules
from usfm_mm.database.scanners_file import SCANNERS_NAME, fingerprint, read_scanners, to_text
from usfm_mm.database.shards import Shard, begin, check_whole, done
from usfm_mm.database.store import OutputError
from usfm_mm.database.stores import Stores, open_stores
from usfm_mm.database.withdrawal import exclude_recorded
from usfm_mm.database.workers import Cluster, process_all
from usfm_mm.io.atomic import write_atomic
from usfm_mm.io.progress import progress_bar


def build(
    sources: Sequence[Path | Remote],
    out: Path,
    key_file: Path | None,
    rules_file: Path | None = None,
    settings: Settings | None = None,
    exclude_like: Sequence[Path] = (),
    journal_folder: Path | None = None,
    cluster: Cluster | None = None,
    console: Console | None = None,
    shard: Shard | None = None,
    scanners_file: Path | None = None,
) -> None:
    """Make a database of sources, go on with one, or add sources to it; or one shard of it.

    Args:
        sources: Folders and files, also in object storage.
        out: Folder of the database.
        key_file: See :func:`~usfm_mm.database.identity.read_key`.
        rules_file: See :func:`~usfm_mm.database.rules.read_rules`.
        settings: The same in every run on one database.
        exclude_like: Data sets whose images must not be in the database, such as test sets.
        journal_folder: Private folder for what is done so far; by default one beside the key.
        cluster: By default all cores of this machine.
        console: For progress and results.
        shard: Read its files alone, into a folder of its own, and leave the rest to
            :func:`~usfm_mm.database.merge.merge`.
        scanners_file: Scanners whose picture lies in a known place, the same in every run; see
            :func:`~usfm_mm.database.scanners_file.read_scanners`.

    Raises:
        ValueError: Something about the arguments is wrong, or does not go with what is there.
        OutputError: The database cannot be written, for instance because the disk is full.
        OSError: A file beside it cannot be read or written.
    """
    settings, cluster, console = settings or Settings(), cluster or Cluster(), console or Console()
    identity = Identity(read_key(key_file, out, paths_of(sources)))
    check_sources([*sources, *exclude_like], out)
    rules = read_rules(rules_file)
    scanners = () if scanners_file is None else read_scanners(scanners_file)
    settings = replace(settings, scanners=fingerprint(scanners))
    folder = journal_folder or default_journal_folder(Path(str(key_file)), out)
    if shard is not None:
        check_whole(out)
        make_private_folder(folder, out, paths_of(sources))
        out, folder = out / shard.name, folder / shard.name
    make_journal_folder(folder, out, paths_of(sources))
    if len(paths_of(sources)) < len(sources):  # of folders no copies are made
        remove_left_copies()
    try:
        out.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            journal = stack.enter_context(Journal(folder / JOURNAL_NAME))
            check_settings(journal, identity, settings)
            check_hashes(journal)
            if stack.enter_context(claim(out, journal.code)) and journal.is_new():
                check_new(out, folder)
            begin(journal, out, folder, shard)
            check_same(journal, out, folder)
            stores = stack.enter_context(open_stores(out, settings.packed))
            if scanners:  # for the report, and for sheets that are drawn later
                write_atomic(folder / SCANNERS_NAME, to_text(scanners).encode())
            if exclude_like:
                journal.exclude_like(
                    hashes_of(exclude_like, settings.options, cluster.workers, console)
                )
            job = Job(
                identity,
                rules,
                settings.options,
                settings.size,
                # workers on other machines have other working folders
                None if settings.packed else out.resolve(),
                os.getpid() if cluster.backend == 'loky' else None,
                cluster.seconds,
                shard,
                {scanner.key: scanner for scanner in scanners},
            )
            _read_all(sources, job, journal, stores, cluster, console)
            if shard is not None:
                done(journal, sources, rules_file)
                _tell(journal, shard, out, console)
            while not shard and (lost := publish(journal, out, folder, stores, settings, console)):
                console.print(
                    f'{lost:,} images are missing, whose copies are gone: what of them lies in the '
                    'sources is read again'
                )
                _read_all(sources, job, journal, stores, cluster, console)
            journal.next_generation()
    except (OutputError, sqlite3.OperationalError) as error:
        raise OutputError(
            f'{error}. Free some space, or mend what else is wrong with {out} or {folder}, and '
            'give the same command again: what is done is kept'
        ) from error


def _read_all(
    sources: Sequence[Path | Remote],
    job: Job,
    journal: Journal,
    stores: Stores,
    cluster: Cluster,
    console: Console,
) -> None:
    """Read what the journal does not have yet, chunk by chunk."""
    with console.status('counting files') as status:
        total = 0
        for total, _ in enumerate(walk(sources), 1):  # noqa: B007
            if total % 10_000 == 0:
                status.update(f'counting files: {total:,}')
    with progress_bar(console) as progress:
        task = progress.add_task('reading', total=total)

        def skip(count: int) -> None:
            progress.update(task, total=(progress.tasks[task].total or 0) - count)

        pending = PendingFiles(sources, job, journal, skip)
        generation, images = journal.generation, 0
        work, crashed = partial(process_chunk, job), partial(crashed_file, job)
        for records in process_all(work, crashed, pending, cluster):
            made = [image for record in records for image in record.images]
            stores.put([(i.name, i.pixels) for i in made if i.pixels is not None])
            journal.add(records, generation)
            images += len(made)
            progress.update(task, advance=len(records), description=f'reading ({images:,} images)')
        pending.forget_readable()
    if gone := exclude_recorded(journal, job.rules):
        console.print(f'{gone:,} images leave: a rule excludes the path that they were read from')


def _tell(journal: Journal, shard: Shard, out: Path, console: Console) -> None:
    console.print(
        f'shard {shard}: {journal.count("files"):,} files, {journal.count("images"):,} images in '
        f'{out}, copies of each other among them. When all {shard.count} are done: '
        f'usfm merge-shards {out.parent}',
        markup=False,
        soft_wrap=True,
    )
