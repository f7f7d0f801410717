"""Whether the shards in a folder are all there, done, and of one database."""

import resource
from contextlib import ExitStack
from pathlib import Path

from usfm_mm.database.identity import Identity
from usfm_mm.database.journal import Journal
from usfm_mm.database.options import Settings
from usfm_mm.database.places import JOURNAL_NAME
from usfm_mm.database.shards import (
    Shard,
    ShardError,
    all_shards,
    last_run,
    noted_in,
    shard_of,
)
from usfm_mm.io.packed import SHARDS

# What is open of each: the journal and its log, and where images are packed a file and its lock.
_FILES, _OTHERS = 4, 256
_WHAT = {
    'sources': 'of other sources (a file belongs to a shard by its full path)',
    'rules': 'with other rules',
    'version': 'by another version of usfm_mm',
}


def open_shards(out: Path, folder: Path, stack: ExitStack) -> list[Journal]:
    """Open the journals of all shards, so that none is built meanwhile.

    Args:
        out: Folder of the database, with the shards' folders in it.
        folder: Private folder, with those of the shards' journals in it.
        stack: Closes them.

    Returns:
        The journals, in the shards' order.

    Raises:
        ShardError: One is missing, or of another number; the message names it.
        JournalError: One is in use.
    """
    found = sorted(path.parent for path in folder.glob(f'{SHARDS}/{JOURNAL_NAME}'))
    if not found:
        raise ShardError(
            f'there are no shards of {out} in {folder}: build them with --shard 1/N to N/N of usfm '
            'build-database, or name the folder that their journals are in with --journal'
        )
    _allow_files(len(found))
    journals: dict[str, Journal] = {}
    first: Shard | None = None
    for place in found:
        journal = stack.enter_context(Journal(place / JOURNAL_NAME))
        text = shard_of(journal)
        shard = Shard.of(text) if text else None
        first = first or shard
        if shard is None or first is None or shard.count != first.count:
            raise ShardError(
                f'{place} is of shard {text or "none"}, {found[0]} of {first}: all shards of a '
                'database have one count. Build anew in a folder of its own, or remove those that '
                'are not of it'
            )
        if place.name != shard.name:
            raise ShardError(
                f'{place} is of shard {shard}, which belongs into {place.with_name(shard.name)}: '
                'keep one of the two, under that name'
            )
        journals[shard.name] = journal
    assert first is not None
    for shard in all_shards(first.count):
        if shard.name not in journals:
            raise ShardError(
                f'shard {shard} is missing: run {shard.command(out)}, or copy its folders to '
                f'{out / shard.name} and {folder / shard.name}'
            )
    return list(journals.values())


def check_shards(out: Path, folder: Path, journals: list[Journal], identity: Identity) -> Settings:
    """See that all shards are done, and built alike.

    Args:
        out: Folder of the database.
        folder: Private folder with the journals.
        journals: Of all shards.
        identity: Of the key.

    Returns:
        Their settings.

    Raises:
        ShardError: One is not; the message names it and what to run.
    """
    shards = all_shards(len(journals))
    names = {shard.name for shard in shards}
    for path in out.glob(SHARDS):
        if path.name not in names:
            raise ShardError(f'{path} is none of the {len(shards)} shards: remove it')
    first, run = journals[0].settings() or {}, last_run(journals[0])
    for shard, journal in zip(shards, journals, strict=True):
        own, about = last_run(journal), noted_in(out / shard.name)
        anew = f'remove {out / shard.name} and {folder / shard.name} and run {shard.command(out)}'
        if not own:
            raise ShardError(f'shard {shard} is not done: run {shard.command(out)}')
        if about != {'shard': str(shard), 'journal': journal.code}:
            raise ShardError(
                f'{out / shard.name} is {"of another journal" if about else "missing"} (shard '
                f"{shard}; {folder / shard.name} is its journal's): copy the right one there, or "
                + anew
            )
        stored = journal.settings() or {}
        if stored.get('key') != identity.digest('key').hex():
            raise ShardError(
                f'shard {shard} was built with another key than the key file has: give its key, or '
                f'{anew} with this one'
            )
        for name in sorted(first.keys() | stored.keys()):
            if stored.get(name) != first.get(name):
                raise ShardError(
                    f'{name} of shard {shard} is {stored.get(name)}, of shard 1 {first.get(name)}: '
                    f'{anew} with the same'
                )
        for name, what in _WHAT.items():
            if own.get(name) != run.get(name):
                raise ShardError(
                    f'shard {shard} was last run {what} than shard 1: run both again with the '
                    f'same, {shard.command(out)}'
                )
    return Settings.of(first)


def _allow_files(shards: int) -> None:
    """Let this process have so many files open, as far as the system does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES * shards + _OTHERS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
