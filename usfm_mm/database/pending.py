"""The files of the sources that are not done yet."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from usfm_mm.database.chunk import Job
from usfm_mm.database.journal import Journal
from usfm_mm.database.listing import SourceFile, in_chunks, walk
from usfm_mm.database.readers.limits import limit_text
from usfm_mm.database.remote import Remote
from usfm_mm.database.types import EXCLUDED, RETRYABLE, TOO_LONG


class PendingFiles:
    """Chunks of the files that are not done; joblib asks for them as it goes, in a thread.

    Args:
        sources: Folders and files, also in object storage.
        job: Whose rules and keyed hashes apply.
        journal: What is done.
        skip: Called with a number of files that are done already.
    """

    def __init__(
        self,
        sources: Sequence[Path | Remote],
        job: Job,
        journal: Journal,
        skip: Callable[[int], None],
    ) -> None:
        self._sources, self._job, self._journal, self._skip = sources, job, journal, skip
        self._generation = journal.generation
        self._unread: set[bytes] = set()

    def __iter__(self) -> Iterator[list[SourceFile]]:
        return in_chunks(self._todo())

    def _todo(self) -> Iterator[SourceFile]:
        skipped = 0
        for file in walk(self._sources):
            id = self._job.identity.file(file.path)
            own = self._job.shard is None or self._job.shard.has(id)
            if own and not file.stamp:
                self._unread.add(id)
            if not own or self._is_done(id, file):
                skipped += 1
                # The estimate of the time left is of the files that take time.
                if skipped % 1000 == 0:
                    self._skip(1000)
                continue
            yield file
        self._skip(skipped % 1000)

    def _is_done(self, id: bytes, file: SourceFile) -> bool:
        """Was it read as it is now, with the same word of the rules whether to read it?"""
        known = self._journal.known(id)
        if known is None or not file.stamp or known.stamp != file.stamp:
            return False
        if known.reason in RETRYABLE and known.generation < self._generation:
            return False
        if known.reason == TOO_LONG and known.detail != limit_text(self._job.seconds):
            return False
        return (known.reason == EXCLUDED) == self._job.rules.excludes(file.name, file.target)

    def forget_readable(self) -> None:
        """Take out of the journal what could not be read once and now can, or is gone."""
        roots = [
            source.url if isinstance(source, Remote) else os.path.abspath(source)
            for source in self._sources
        ]
        for id, path in self._journal.without_stamp():
            below = any(path == root or path.startswith(root + os.sep) for root in roots)
            if below and id not in self._unread:
                self._journal.forget(id)
