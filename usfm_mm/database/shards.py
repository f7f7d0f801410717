"""Shards of a database: which files are whose, and what is noted of a shard's last run.

Each is built by a run of its own, on whatever machine, and shares nothing with the others but the
key. A file's keyed hash, by which the journal calls it, decides whose it is.
"""

import hashlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import usfm_mm
from usfm_mm.database.journal import Journal
from usfm_mm.database.journal_file import JournalError
from usfm_mm.database.remote import Remote
from usfm_mm.database.rules import DEFAULT_RULES
from usfm_mm.io.json_file import write_json
from usfm_mm.io.packed import PACKED_NAME, SHARDS

ABOUT_SHARD = 'shard.json'
MAX_SHARDS = 9999

# Names of notes in a journal.
_SHARD, _RUN, _MERGED = 'shard', 'run', 'shards'


class ShardError(JournalError):
    """Shards that do not go together; the message names one and what to run."""


@dataclass(frozen=True)
class Shard:
    """One of the shards of a database.

    Attributes:
        number: From 1 on.
        count: Of all shards.
    """

    number: int
    count: int

    @classmethod
    def of(cls, text: str) -> 'Shard':
        """From its text.

        Raises:
            ShardError: It is none.

        >>> Shard.of('3/5').name
        'shard_0003'
        """
        found = re.fullmatch(r'(\d{1,4})/(\d{1,4})', text)
        number, count = map(int, found.groups()) if found else (0, 0)
        if not 1 <= number <= count:
            raise ShardError(
                f'--shard takes a number and how many there are, from 1/{count or 5} to '
                f'{count or 5}/{count or 5} and at most {MAX_SHARDS}, got {text}'
            )
        return cls(number, count)

    def __str__(self) -> str:
        return f'{self.number}/{self.count}'

    @property
    def name(self) -> str:
        """Of its folder, in the database and beside the key."""
        return shard_name(self.number - 1)

    def has(self, file: bytes) -> bool:
        """Is a file, by its keyed hash, one of this shard?

        >>> [shard.has(bytes(15) + bytes([6])) for shard in all_shards(3)]
        [True, False, False]
        """
        return place_of(file, self.count) == self.number - 1

    def command(self, out: Path) -> str:
        """What runs it."""
        return f'usfm build-database SOURCES {out} --shard {self} …'


def place_of(file: bytes, count: int) -> int:
    """Position, from 0 on, of the shard that a file belongs to, by its keyed hash."""
    # The end of the hash: by its beginning files are put in order.
    return int.from_bytes(file[-8:], 'big') % count


def shard_name(place: int) -> str:
    """Name of the folder of the shard at a position, from 0 on.

    >>> shard_name(2)
    'shard_0003'
    """
    return f'shard_{place + 1:04d}'


def all_shards(count: int) -> list[Shard]:
    """All of so many."""
    return [Shard(number, count) for number in range(1, count + 1)]


def check_whole(out: Path) -> None:
    """Refuse to begin a shard in a database that has none.

    Raises:
        ShardError: It has images of its own.
    """
    if (out / 'images').exists() or ((out / PACKED_NAME).exists() and not any(out.glob(SHARDS))):
        raise ShardError(
            f'{out} is a database without shards: leave out --shard, or name another folder'
        )


def begin(journal: Journal, out: Path, folder: Path, shard: Shard | None) -> None:
    """Note which shard a journal is of, and that its run is not done.

    Args:
        journal: Of the shard, or of a database without shards.
        out: Folder of the shard.
        folder: Of the journal.
        shard: None for a database without shards.

    Raises:
        ShardError: The journal, or the folder, is of another one.
    """
    wanted, begun = str(shard or ''), noted(journal, _SHARD)
    if merged := merged_from(journal):
        raise ShardError(
            f'{out} is merged from {merged} shards: give --shard 1/{merged} and so on, each in a '
            'run of its own, then usfm merge-shards'
        )
    if begun != wanted and not journal.is_new():
        raise ShardError(
            f'{folder} was begun as {f"shard {begun}" if begun else "no shard"}: '
            + (f'give --shard {begun}, or name a new folder' if begun else 'leave out --shard')
        )
    if shard is None:
        return
    about = {'shard': wanted, 'journal': journal.code}
    if noted_in(out) not in ({}, about):
        raise ShardError(
            f'{folder} is not the journal of the shard in {out}: name its own with --journal'
        )
    note(journal, _SHARD, wanted)
    note(journal, _RUN, '')
    write_json(out / ABOUT_SHARD, about)


def done(journal: Journal, sources: Sequence[Path | Remote], rules_file: Path | None) -> None:
    """Note that a shard's run is done, and what must have been the same for all shards."""
    content = (rules_file or DEFAULT_RULES).read_bytes()
    run = {
        'sources': sorted(
            source.url if isinstance(source, Remote) else os.path.abspath(source)
            for source in sources
        ),
        'rules': hashlib.sha256(content).hexdigest(),
        'version': usfm_mm.__version__,
    }
    note(journal, _RUN, json.dumps(run))


def again(journal: Journal) -> None:
    """Note that a shard must be run again."""
    note(journal, _RUN, '')


def last_run(journal: Journal) -> dict[str, object]:
    """What :func:`done` noted: sources, rules and version; nothing of a run that is not done."""
    return json.loads(noted(journal, _RUN) or '{}')


def shard_of(journal: Journal) -> str:
    """The shard that a journal is of, as ``3/5``; '' for none."""
    return noted(journal, _SHARD)


def merged_from(journal: Journal) -> int:
    """How many shards a journal was merged from; 0 for one of a builder."""
    return int(noted(journal, _MERGED) or 0)


def note_merged(journal: Journal, count: int) -> None:
    """Note that a journal is merged from so many shards."""
    note(journal, _MERGED, str(count))


def noted_in(folder: Path) -> dict[str, str]:
    """What a shard's folder tells: which it is, and its journal's random code."""
    path = folder / ABOUT_SHARD
    return json.loads(path.read_text()) if path.is_file() else {}


def note(journal: Journal, name: str, value: str) -> None:
    """Store a note in a journal."""
    with journal.transaction() as db:
        db.execute('INSERT OR REPLACE INTO settings VALUES (?, ?)', (name, value))


def noted(journal: Journal, name: str) -> str:
    """A note in a journal; '' if there is none."""
    with journal.transaction() as db:
        row = db.execute('SELECT value FROM settings WHERE name = ?', (name,)).fetchone()
    return row[0] if row else ''
