"""What is done so far, on disk (SQLite). PRIVATE: it holds the paths of the sources.

One transaction stores what became of a chunk of files, so that a run that is killed has done a
file or has not. Memory does not grow with the number of files.
"""

import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from usfm_mm.database.listing import SourceFile

_SCHEMA = """
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE tallies (id INTEGER PRIMARY KEY, content TEXT NOT NULL UNIQUE);
CREATE TABLE files (
    id BLOB PRIMARY KEY, generation INTEGER NOT NULL, path TEXT NOT NULL, stamp TEXT NOT NULL,
    reason TEXT NOT NULL, detail TEXT NOT NULL, tally INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE images (
    file BLOB NOT NULL, number INTEGER NOT NULL, frame INTEGER NOT NULL, name BLOB NOT NULL,
    phash BLOB NOT NULL, organ TEXT NOT NULL, center TEXT, device TEXT, patient TEXT, study TEXT,
    mean REAL NOT NULL, square REAL NOT NULL, PRIMARY KEY (file, number)
) WITHOUT ROWID;
CREATE TABLE held_out (phash BLOB PRIMARY KEY) WITHOUT ROWID;
"""


# No file's stamp: it is read again when it is met.
_AGAIN = 'again'


class JournalError(ValueError):
    """A journal that does not go with what is to be done."""


@dataclass
class ImageRecord:
    """One image of a file.

    Attributes:
        frame: Its frame's number in the file.
        name: Keyed hash of the pixels.
        phash: Perceptual hash.
        mean: Mean grey level.
        square: Mean of the squared grey levels.
        pixels: uint8 [H, W] on the way to a packed store; None where the file is written already.
    """

    frame: int
    name: bytes
    phash: bytes
    organ: str
    center: str | None
    device: str | None
    patient: str | None
    study: str | None
    mean: float
    square: float
    pixels: np.ndarray | None = None


@dataclass
class FileRecord:
    """What became of a file.

    Attributes:
        file: The file.
        id: Keyed hash of its path.
        reason: Why it gave nothing, '' if it was read.
        detail: More about that.
        frames: Frames left out, by reason.
        removed: Images from which something was taken, by kind.
        fields: Fields of the header and their fate: 'dropped: KEYWORD', 'hashed: …' or
            'read by rules: …'.
    """

    file: SourceFile
    id: bytes
    reason: str = ''
    detail: str = ''
    frames: Counter[str] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)
    fields: Counter[str] = field(default_factory=Counter)
    images: list[ImageRecord] = field(default_factory=list)

    @property
    def tally(self) -> str:
        """The counts as text; files of one kind share theirs."""
        counts = {name: dict(getattr(self, name)) for name in ('frames', 'removed', 'fields')}
        return json.dumps(counts, sort_keys=True)


class Journal:
    """An open journal; a context manager. Only one process at a time can have it open.

    Args:
        path: The SQLite file, made if need be.

    Raises:
        JournalError: Another run has it open.
    """

    def __init__(self, path: Path) -> None:
        # The listing, in a thread of joblib's, asks what is done.
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=1)
        self._db.execute('PRAGMA locking_mode = EXCLUSIVE')
        try:
            self._db.execute('PRAGMA journal_mode = WAL')
            # No waiting for the disk at each chunk: a kill loses nothing, a power cut some chunks.
            self._db.execute('PRAGMA synchronous = NORMAL')
            self._db.execute('BEGIN EXCLUSIVE')
            if not self._db.execute('SELECT 1 FROM sqlite_master').fetchone():
                for statement in _SCHEMA.split(';'):
                    self._db.execute(statement)
            self._db.execute('COMMIT')
        except sqlite3.OperationalError as error:
            self._db.close()
            if 'locked' in str(error):
                raise JournalError(
                    f'another run is building this database ({path} is in use): wait for it, or '
                    'stop it'
                ) from error
            raise

    def __enter__(self) -> 'Journal':
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def setting(self, name: str) -> str | None:
        """A setting's value, None if it was never set."""
        with self._lock:
            row = self._db.execute('SELECT value FROM settings WHERE name = ?', (name,)).fetchone()
        return None if row is None else row[0]

    def save_setting(self, name: str, value: str) -> None:
        """Store a setting."""
        with self._lock:
            self._db.execute('INSERT OR REPLACE INTO settings VALUES (?, ?)', (name, value))

    def known(self, id: bytes) -> tuple[str, str, int] | None:
        """Stamp, reason and generation of the file with this keyed hash; None if it is new."""
        with self._lock:
            return self._db.execute(
                'SELECT stamp, reason, generation FROM files WHERE id = ?', (id,)
            ).fetchone()

    def forget(self, id: bytes) -> None:
        """Take a file out of the journal, with its images."""
        with self._lock, self._db:
            self._db.execute('BEGIN')
            self._db.execute('DELETE FROM images WHERE file = ?', (id,))
            self._db.execute('DELETE FROM files WHERE id = ?', (id,))

    def lose(self, images: Iterable[tuple[bytes, bytes]]) -> None:
        """Take out images, by file and name; their files are to be read again."""
        with self._lock, self._db:
            self._db.execute('BEGIN')
            for file, name in images:
                self._db.execute('DELETE FROM images WHERE file = ? AND name = ?', (file, name))
                self._db.execute('UPDATE files SET stamp = ? WHERE id = ?', (_AGAIN, file))

    def add(self, records: Iterable[FileRecord], generation: int) -> None:
        """Store what became of a chunk of files, in place of what is known of them."""
        with self._lock, self._db:
            self._db.execute('BEGIN')
            for record in records:
                self._add(record, generation)

    def _add(self, record: FileRecord, generation: int) -> None:
        content = record.tally
        self._db.execute('INSERT OR IGNORE INTO tallies (content) VALUES (?)', (content,))
        (tally,) = self._db.execute(
            'SELECT id FROM tallies WHERE content = ?', (content,)
        ).fetchone()
        # A file that is read again keeps its place, or a copy long removed would come before it.
        old = self._db.execute(
            "SELECT generation FROM files WHERE id = ? AND reason = ''", (record.id,)
        ).fetchone()
        self._db.execute('DELETE FROM images WHERE file = ?', (record.id,))
        self._db.execute(
            'INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)',
            (
                record.id,
                old[0] if old else generation,
                # names that are not UTF-8 occur
                record.file.path.encode('utf-8', 'surrogateescape').decode('utf-8', 'replace'),
                record.file.stamp,
                record.reason,
                record.detail,
                tally,
            ),
        )
        self._db.executemany(
            'INSERT INTO images VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
            (
                (
                    record.id,
                    number,
                    image.frame,
                    image.name,
                    image.phash,
                    image.organ,
                    image.center,
                    image.device,
                    image.patient,
                    image.study,
                    image.mean,
                    image.square,
                )
                for number, image in enumerate(record.images)
            ),
        )

    def hold_out(self, hashes: Iterable[bytes]) -> None:
        """Store perceptual hashes of images that must stay out of the database."""
        with self._lock, self._db:
            self._db.execute('BEGIN')
            self._db.executemany(
                'INSERT OR IGNORE INTO held_out VALUES (?)', ((value,) for value in hashes)
            )

    def rows(self, query: str, *values: object) -> Iterator[tuple]:
        """Rows of a query, one by one."""
        return iter(self._db.execute(query, values))

    def tallies(self) -> Iterator[tuple[dict[str, dict[str, int]], int]]:
        """Counts as :class:`FileRecord` has them, and how many files have just these."""
        query = (
            'SELECT content, COUNT(*) FROM files JOIN tallies ON tallies.id = files.tally '
            'GROUP BY tallies.id'
        )
        for content, files in self.rows(query):
            yield json.loads(content), files
