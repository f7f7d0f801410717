"""The journal's SQLite file: its tables, and opening it for one process alone."""

import sqlite3
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tallies (id INTEGER PRIMARY KEY, content TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS files (
    id BLOB PRIMARY KEY, generation INTEGER NOT NULL, path TEXT NOT NULL, stamp TEXT NOT NULL,
    reason TEXT NOT NULL, detail TEXT NOT NULL, tally INTEGER NOT NULL,
    name TEXT NOT NULL DEFAULT '', target TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS images (
    file BLOB NOT NULL, number INTEGER NOT NULL, frame INTEGER NOT NULL, name BLOB NOT NULL,
    phash BLOB NOT NULL, organ TEXT NOT NULL, center TEXT, device TEXT, patient TEXT, study TEXT,
    mean REAL NOT NULL, square REAL NOT NULL, row_mm REAL, column_mm REAL,
    PRIMARY KEY (file, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS held_out (phash BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS withdrawn (hash TEXT PRIMARY KEY) WITHOUT ROWID;
"""
# Columns that journals made before have not.
_ADDED = (
    ('files', 'name', "TEXT NOT NULL DEFAULT ''"),
    ('files', 'target', "TEXT NOT NULL DEFAULT ''"),
    ('images', 'row_mm', 'REAL'),
    ('images', 'column_mm', 'REAL'),
)


class JournalError(ValueError):
    """A journal that does not go with what is to be done."""


def open_journal(path: Path) -> sqlite3.Connection:
    """Open a journal, made if need be, for this process alone.

    Raises:
        JournalError: Another run has it open.
    """
    # The listing asks what is done from a thread of joblib's.
    db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=1)
    db.execute('PRAGMA locking_mode = EXCLUSIVE')
    try:
        db.execute('PRAGMA journal_mode = WAL')
        # No waiting for the disk at each chunk: a kill loses nothing, a power cut some chunks.
        db.execute('PRAGMA synchronous = NORMAL')
        db.execute('BEGIN EXCLUSIVE')
        for statement in _SCHEMA.split(';'):
            db.execute(statement)
        for table, column, kind in _ADDED:
            columns = {row[1] for row in db.execute(f'PRAGMA table_info({table})')}
            if column not in columns:
                db.execute(f'ALTER TABLE {table} ADD COLUMN {column} {kind}')
        db.execute('COMMIT')
    except sqlite3.OperationalError as error:
        db.close()
        if 'locked' in str(error):
            raise JournalError(
                f'another run is building this database ({path} is in use): wait for it, or stop it'
            ) from error
        raise
    return db
