"""Where a database and its journal lie, and whether they belong together."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from usfm_mm.database.claim import CLAIM_NAME
from usfm_mm.database.identity import Identity, read_key
from usfm_mm.database.journal import Journal
from usfm_mm.database.journal_file import JournalError
from usfm_mm.database.likeness import HASH_KIND
from usfm_mm.database.options import Settings
from usfm_mm.database.publish import INDEX_NAME

JOURNAL_NAME = 'journal.sqlite'

_SAMPLE = 1000


def default_journal_folder(key_file: Path, out: Path) -> Path:
    """Beside the key, which is private too: ``KEY.d/NAME-CODE`` for the database's place.

    >>> default_journal_folder(Path('/home/me/usfm.key'), Path('/data/3mus')).as_posix()
    '/home/me/usfm.key.d/3mus-e82d43cd'
    """
    code = hashlib.sha256(os.fsencode(out.resolve())).hexdigest()[:8]
    return key_file.resolve().with_name(f'{key_file.name}.d') / f'{out.resolve().name}-{code}'


def make_journal_folder(folder: Path, out: Path, sources: Sequence[Path] = ()) -> None:
    """Make a private folder for the journal of a database, or check that there is one.

    Raises:
        JournalError: As :func:`make_private_folder` does; or the database has content that no
            journal in the folder accounts for.
    """
    _check_outside(folder, out, sources)
    if not (folder / JOURNAL_NAME).exists() and out.exists():
        check_new(out, folder)
    make_private_folder(folder, out, sources)


def make_private_folder(folder: Path, out: Path, sources: Sequence[Path] = ()) -> None:
    """Make a folder for journals that nobody else may look into, or check that there is one.

    Raises:
        JournalError: It lies in the database or a source, or others may look into it.
    """
    _check_outside(folder, out, sources)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if folder.stat().st_mode & 0o077:
        raise JournalError(
            f'others may look into {folder}, where the journal names patients: chmod 700 {folder}'
        )


def _check_outside(folder: Path, out: Path, sources: Sequence[Path]) -> None:
    for other, what in ((out, 'database'), *((source, 'source') for source in sources)):
        if other.resolve() in (folder.resolve(), *folder.resolve().parents):
            raise JournalError(
                f'the journal {folder} names the sources: it must lie outside of the {what} {other}'
            )


@contextmanager
def finished(
    out: Path, key_file: Path | None, folder: Path | None = None
) -> Iterator[tuple[Journal, Settings, Path]]:
    """Open a finished database.

    Args:
        out: Folder of the database.
        key_file: See :func:`~usfm_mm.database.identity.read_key`.
        folder: Of the journal; by default the one beside the key.

    Returns:
        The journal, open; the settings; and the journal's folder.

    Raises:
        ValueError: There is no such database, or its key or journal is another one.
    """
    identity = Identity(read_key(key_file, out))
    folder = folder or default_journal_folder(Path(str(key_file)), out)
    if not (out / INDEX_NAME).is_file():
        raise ValueError(f'there is no {out / INDEX_NAME}: name the folder of a finished database')
    if not (folder / JOURNAL_NAME).is_file():
        raise JournalError(
            f'there is no journal {folder / JOURNAL_NAME} of {out}: if it was moved or has another '
            'key, name its journal with --journal'
        )
    with Journal(folder / JOURNAL_NAME) as journal:
        settings = Settings.of(journal.settings() or {})
        check_settings(journal, identity, settings)
        check_same(journal, out, folder)
        yield journal, settings, folder


def check_new(out: Path, folder: Path) -> None:
    """Refuse a folder with content that no journal accounts for.

    Raises:
        JournalError: There is something in it.
    """
    if any(path.name != CLAIM_NAME for path in out.iterdir()):
        raise JournalError(
            f'{out} is not empty, and there is no journal {folder / JOURNAL_NAME} of what is in '
            'it. Name another folder; or, if this database was moved or has another key, name its '
            'journal with --journal'
        )


def check_same(journal: Journal, out: Path, folder: Path) -> None:
    """Refuse the journal of another database: what is not in it would be removed.

    Raises:
        JournalError: Most files of the index are not in the journal.
    """
    if not (out / INDEX_NAME).is_file():
        return
    import pyarrow.parquet as pq

    files = pq.read_table(out / INDEX_NAME, columns=['_file'])['_file'][:_SAMPLE].to_pylist()
    strange = sum(journal.known(bytes.fromhex(file)) is None for file in files)
    if 2 * strange > len(files):
        raise JournalError(
            f'{folder} is the journal of another database than {out}: name its own with --journal'
        )


def check_hashes(journal: Journal) -> None:
    """Refuse to add to a database whose perceptual hashes cannot be compared with today's.

    Raises:
        JournalError: It is one, and has images.
    """
    if 'hashes' not in (journal.settings() or {}) and journal.count('images'):
        raise JournalError(
            'this database was begun by a version whose hashes of near duplicates are others: '
            'build anew, or add to it with that version'
        )


def check_settings(journal: Journal, identity: Identity, settings: Settings) -> None:
    """Refuse other settings, or another key, than the database was begun with; or store them.

    Raises:
        JournalError: One differs; the message names it.
    """
    # The key's fingerprint; a changed key would give a patient another hash.
    wanted = {'key': identity.digest('key').hex(), 'hashes': HASH_KIND, **settings.flat()}
    stored = journal.settings()
    if stored is None:
        journal.save_settings(wanted)
        return
    # Journals begun before there were scanners' outlines do not name them.
    for name, value in {'scanners': 'none', **stored}.items():
        if value != wanted.get(name):
            told = (
                'the key file has another key than this database was begun with'
                if name == 'key'
                else f'{name} is {wanted.get(name)}, but this database was begun with {value}'
            )
            raise JournalError(f'{told}: give the same, or name a new folder')
