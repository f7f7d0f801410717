"""Which journal a database that is being built belongs to: a marker in its folder says."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from usfm_mm.database.journal_file import JournalError

CLAIM_NAME = '.being-built'

# Seconds in which a marker that another builder has just made gets its content.
_WAIT = 2.0


@contextmanager
def claim(out: Path, owner: str) -> Iterator[bool]:
    """Mark a database's folder as being built by one journal, until the work is done.

    The marker of a builder that was stopped or killed stays, and the same journal goes on with it.

    Args:
        out: The folder, which exists.
        owner: The journal's own random code, which tells nothing.

    Yields:
        Whether the marker is new. If what is done then ends with a :class:`JournalError`, a new
        marker is taken away again.

    Raises:
        JournalError: Another journal's marker is there.
    """
    marker = out / CLAIM_NAME
    new = _make(marker, owner)
    if not new and _owner(marker) != owner:
        raise JournalError(
            f'{out} is being built with another key or journal: wait for that run, or name '
            f'another folder. If it was killed for good, delete {out}'
        )
    try:
        yield new
    except JournalError:
        if new:
            marker.unlink()
        raise
    marker.unlink()


def _make(marker: Path, owner: str) -> bool:
    try:
        with open(marker, 'x') as file:  # exclusive: of two at the same moment, one makes it
            file.write(owner)
    except FileExistsError:
        return False
    return True


def _owner(marker: Path) -> str:
    """Content of a marker, waited for: an empty one has just been made."""
    end = time.monotonic() + _WAIT
    while not (owner := marker.read_text()) and time.monotonic() < end:
        time.sleep(0.05)
    return owner
