"""What is done so far, on disk (SQLite). PRIVATE: it holds the paths of the sources.

One transaction stores what became of a chunk of files, so that a run that is killed has done a
file or has not. Memory does not grow with the number of files. All SQL of the builder is here and
in the modules :mod:`~usfm_mm.database.withdrawal` and :mod:`~usfm_mm.database.samples`.
"""

import json
import secrets
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from usfm_mm.database.journal_file import open_journal
from usfm_mm.database.likeness import HASH_BYTES
from usfm_mm.database.records import COUNTS, FileRecord
from usfm_mm.database.rules import UNKNOWN
from usfm_mm.database.types import EXCLUDED, NO_FRAME, VANISHED

# No file has this stamp, so that one which gets it is read again when it is met.
_AGAIN = 'again'
# Names that settings had in journals made before.
_OLD_NAMES = {'near': 'max_hamming'}

LABELS = ('organ', 'center', 'device', 'patient', 'study')
MEASURES = ('mean', 'square', 'row_mm', 'column_mm')


class Known(NamedTuple):
    """What the journal says of a file; `generation` is the number of the run that met it first."""

    stamp: str
    reason: str
    detail: str
    generation: int


class Journal:
    """An open journal; a context manager. Only one process at a time can have it open.

    Args:
        path: The SQLite file, made if need be.

    Raises:
        JournalError: Another run has it open.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._db = open_journal(path)

    def __enter__(self) -> 'Journal':
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The open file, for statements that are done all or not at all."""
        with self._lock, self._db:
            self._db.execute('BEGIN')
            yield self._db

    def _one(self, query: str, *values: object) -> tuple | None:
        with self._lock:
            return self._db.execute(query, values).fetchone()

    @property
    def generation(self) -> int:
        """How many runs were finished."""
        return int(self._setting('generation') or 0)

    def next_generation(self) -> None:
        """Note that a run is finished."""
        self._save_setting('generation', str(self.generation + 1))

    @property
    def code(self) -> str:
        """A random code, drawn when the journal was made."""
        if self._setting('code') is None:
            self._save_setting('code', secrets.token_hex(16))
        return str(self._setting('code'))

    def is_new(self) -> bool:
        """Has no file been read, and no run been finished?"""
        return not self.generation and not self.count('files')

    def settings(self) -> dict[str, object] | None:
        """What :meth:`save_settings` stored, under today's names; None if it never did."""
        stored = self._setting('settings')
        if stored is None:
            return None
        return {_OLD_NAMES.get(name, name): value for name, value in json.loads(stored).items()}

    def save_settings(self, values: dict[str, object]) -> None:
        """Store what must be the same in every run."""
        self._save_setting('settings', json.dumps(values))

    def _setting(self, name: str) -> str | None:
        row = self._one('SELECT value FROM settings WHERE name = ?', name)
        return None if row is None else row[0]

    def _save_setting(self, name: str, value: str) -> None:
        with self.transaction() as db:
            db.execute('INSERT OR REPLACE INTO settings VALUES (?, ?)', (name, value))

    def known(self, id: bytes) -> Known | None:
        """What is noted of the file with this keyed hash; None if it is new."""
        row = self._one('SELECT stamp, reason, detail, generation FROM files WHERE id = ?', id)
        return None if row is None else Known(*row)

    def place(self, id: bytes) -> tuple[str, str]:
        """Path of the file with this keyed hash, and what the rules saw."""
        row = self._one('SELECT path, name FROM files WHERE id = ?', id)
        assert row is not None
        return row

    def without_stamp(self) -> list[tuple[bytes, str]]:
        """Keyed hash and path of what could not even be looked at, or was gone in a run before."""
        return list(
            self._db.execute(
                "SELECT id, path FROM files WHERE stamp = '' OR (reason = ? AND generation < ?)",
                (VANISHED, self.generation),
            )
        )

    def forget(self, id: bytes) -> None:
        """Take a file out of the journal, with its images."""
        with self.transaction() as db:
            db.execute('DELETE FROM images WHERE file = ?', (id,))
            db.execute('DELETE FROM files WHERE id = ?', (id,))

    def lose(self, images: Iterable[tuple[bytes, bytes]]) -> None:
        """Take out images, by file and name; their files are to be read again."""
        with self.transaction() as db:
            for file, name in images:
                db.execute('DELETE FROM images WHERE file = ? AND name = ?', (file, name))
                db.execute('UPDATE files SET stamp = ? WHERE id = ?', (_AGAIN, file))

    def add(self, records: Iterable[FileRecord], generation: int) -> None:
        """Store what became of a chunk of files, in place of what is known of them."""
        with self.transaction() as db:
            for record in records:
                _add(db, record, generation)

    def exclude_like(self, hashes: Iterable[bytes]) -> None:
        """Store perceptual hashes of images that must stay out of the database."""
        with self.transaction() as db:
            db.executemany(
                'INSERT OR IGNORE INTO held_out VALUES (?)', ((value,) for value in hashes)
            )

    def excluded_hashes(self) -> np.ndarray:
        """What :meth:`exclude_like` stored, uint8 [M, 32]."""
        rows = self._db.execute('SELECT phash FROM held_out ORDER BY phash')
        return np.frombuffer(b''.join(row[0] for row in rows), np.uint8).reshape(-1, HASH_BYTES)

    def count(self, table: str) -> int:
        """Rows of a table, for instance 'images'."""
        row = self._one(f'SELECT COUNT(*) FROM {table}')
        assert row is not None
        return row[0]

    def images(self) -> Iterator[tuple]:
        """File, frame, name, phash, :data:`MEASURES` and :data:`LABELS` of each image.

        In order of precedence, for of duplicates the first one stays: one that was in the database
        before, then one whose organ is known, then by keyed hash, which is arbitrary but always
        the same.
        """
        return self._db.execute(
            f'SELECT images.file, frame, images.name, phash, {", ".join(MEASURES + LABELS)} '
            'FROM images JOIN files ON files.id = images.file ORDER BY files.generation, '
            'images.organ = ?, images.file, images.number',
            (UNKNOWN,),
        )

    def rejected(self) -> Iterator[tuple[str, str, str, str]]:
        """Path, reason, detail and name of files without images, those excluded by rule last."""
        return self._db.execute(
            "SELECT path, CASE reason WHEN '' THEN ? ELSE reason END, "
            "CASE reason WHEN '' THEN json_extract(content, '$.frames') ELSE detail END, name "
            'FROM files JOIN tallies ON tallies.id = files.tally '
            "WHERE reason != '' OR files.id NOT IN (SELECT file FROM images) "
            'ORDER BY reason = ?, reason, path',
            (NO_FRAME, EXCLUDED),
        )

    def doubtful(self) -> Iterator[tuple[str, str]]:
        """Path and counts of files that gave images which should be looked at."""
        return self._db.execute(
            "SELECT path, json_extract(content, '$.doubts') AS doubts FROM files "
            "JOIN tallies ON tallies.id = files.tally WHERE doubts NOT IN ('{}') ORDER BY path"
        )

    def reasons(self) -> Counter[str]:
        """Files by the reason why they gave nothing, '' for those that were read."""
        return Counter(dict(self._db.execute('SELECT reason, COUNT(*) FROM files GROUP BY reason')))

    def files_without_images(self) -> int:
        """Files that were read and of which every frame was left out."""
        row = self._one(
            "SELECT COUNT(*) FROM files WHERE reason = '' AND id NOT IN (SELECT file FROM images)"
        )
        assert row is not None
        return row[0]

    def tallies(self) -> dict[str, Counter[str]]:
        """:data:`~usfm_mm.database.records.COUNTS` of :class:`FileRecord`, over all files."""
        totals = {name: Counter[str]() for name in COUNTS}
        for content, files in self._db.execute(
            'SELECT content, COUNT(*) FROM files JOIN tallies ON tallies.id = files.tally '
            'GROUP BY tallies.id'
        ):
            for name, counts in json.loads(content).items():
                totals[name].update({what: files * count for what, count in counts.items()})
        return totals


def _add(db: sqlite3.Connection, record: FileRecord, generation: int) -> None:
    db.execute('INSERT OR IGNORE INTO tallies (content) VALUES (?)', (record.tally,))
    (tally,) = db.execute('SELECT id FROM tallies WHERE content = ?', (record.tally,)).fetchone()
    # A file that is read again keeps its place, or a copy long removed would come before it.
    old = db.execute(
        "SELECT generation FROM files WHERE id = ? AND reason = ''", (record.id,)
    ).fetchone()
    file = record.file
    # names that are not UTF-8 occur
    path, name, target = (
        text.encode('utf-8', 'surrogateescape').decode('utf-8', 'replace')
        for text in (file.path, file.name, file.target)
    )
    about = (old[0] if old else generation, path, file.stamp, record.reason, record.detail)
    db.execute('DELETE FROM images WHERE file = ?', (record.id,))
    db.execute(
        'INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
        (record.id, *about, tally, name, target),
    )
    for number, image in enumerate(record.images):
        values = [getattr(image, key) for key in ('frame', 'name', 'phash', *LABELS, *MEASURES)]
        db.execute(
            f'INSERT INTO images VALUES (?, ?{", ?" * len(values)})', (record.id, number, *values)
        )
