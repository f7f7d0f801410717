"""What is to leave a database: what rules exclude since it was read, and what was withdrawn."""

import os
from collections.abc import Iterable

from usfm_mm.database.journal import Journal
from usfm_mm.database.remote import is_gone
from usfm_mm.database.rules import Rules
from usfm_mm.database.types import EXCLUDED


def exclude_recorded(journal: Journal, rules: Rules) -> int:
    """Take out files that the rules exclude now, also where they are in no source any more.

    Returns:
        How many images go.
    """
    return exclude(journal, recorded_excluded(journal, rules))


def recorded_excluded(journal: Journal, rules: Rules) -> list[bytes]:
    """Keyed hashes of files that were read and that the rules exclude now.

    A rule fits what it would have fitted when the file was read. A file that is gone from its place
    goes, too, when one of the same name, size and time of change is excluded: it was moved.
    """
    with journal.transaction() as db:
        read = db.execute("SELECT id, path, name, target, stamp FROM files WHERE reason = ''")
        moved = {
            (stamp, os.path.basename(path))
            for path, stamp in db.execute(
                "SELECT path, stamp FROM files WHERE reason = ? AND stamp != ''", (EXCLUDED,)
            )
        }
        return [
            id
            for id, path, name, target, stamp in read
            # of journals made before it is not known where the source began
            if (rules.excludes(name, target) if name else rules.excludes('', path))
            or ((stamp, os.path.basename(path)) in moved and is_gone(path, name))
        ]


def exclude(journal: Journal, files: Iterable[bytes]) -> int:
    """Take out files, by keyed hash, as excluded by a rule; how many images go."""
    gone = [(id,) for id in files]
    with journal.transaction() as db:
        images = db.executemany('DELETE FROM images WHERE file = ?', gone).rowcount
        db.executemany(f"UPDATE files SET reason = '{EXCLUDED}' WHERE id = ?", gone)
    return max(images, 0)


def withdraw(journal: Journal, hashes: Iterable[str]) -> None:
    """Note hashes of patients, studies, files or images whose images must be kept out from now on.

    Raises:
        ValueError: No image has one of them, so that it may be mistyped; then none is noted.
    """
    with journal.transaction() as db:
        for text in hashes:
            name = os.path.basename(text).removesuffix('.png').lower()
            try:
                code = bytes.fromhex(name)
            except ValueError:
                code = b''
            known = db.execute(
                'SELECT 1 FROM images WHERE patient = ? OR study = ? OR file = ? OR name = ? '
                'UNION ALL SELECT 1 FROM withdrawn WHERE hash = ? LIMIT 1',
                (name, name, code, code, name),
            ).fetchone()
            if not known:
                raise ValueError(
                    f'no image of this database has the patient, study, file or name {text}: copy '
                    'it from the columns patient, _study, _file or path of index.parquet'
                )
            db.execute('INSERT OR IGNORE INTO withdrawn VALUES (?)', (name,))


def withdrawn(journal: Journal) -> set[str]:
    """All that :func:`withdraw` noted."""
    with journal.transaction() as db:
        return {row[0] for row in db.execute('SELECT hash FROM withdrawn')}
