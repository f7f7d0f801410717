"""The work on a chunk of files, in a process of its own, on whatever machine."""

import math
import multiprocessing
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2

from usfm_mm.database.extract import extract
from usfm_mm.database.fetch import FetchError, at_hand
from usfm_mm.database.identity import Identity
from usfm_mm.database.likeness import perceptual_hash
from usfm_mm.database.listing import SourceFile
from usfm_mm.database.readers.clip import Box
from usfm_mm.database.readers.limits import (
    MAX_MEMORY,
    bounded_memory,
    killed_after,
    limit_text,
    stopped_after,
)
from usfm_mm.database.records import FileRecord, ImageRecord
from usfm_mm.database.remote import is_remote
from usfm_mm.database.rules import UNKNOWN, Rules
from usfm_mm.database.scanner import Key, Scanner
from usfm_mm.database.shards import Shard
from usfm_mm.database.store import OutputError, write_png
from usfm_mm.database.types import (
    CHANGED,
    CRASHED,
    DOUBTFUL,
    EXCLUDED,
    FAILED,
    TOO_LARGE,
    VANISHED,
    Options,
    Picture,
    RejectedError,
)

HASHED = ('PatientID', 'StudyInstanceUID')


@dataclass(frozen=True)
class Job:
    """What all chunks have in common.

    Attributes:
        size: Side of the images in pixels, 0 to keep theirs.
        root: Folder to write PNG files to; None to send the pixels back.
        parent: Process without which there is nothing to be done any more; None to go on anyway.
        seconds: Of the processor, for one file; 0: no limit.
        shard: Whose files alone are to be read; None: those of all.
        scanners: Those whose picture lies in a known place.
    """

    identity: Identity
    rules: Rules
    options: Options
    size: int
    root: Path | None
    parent: int | None = None
    seconds: float = 0
    shard: Shard | None = None
    scanners: Mapping[Key, Scanner] = field(default_factory=dict)

    @property
    def kill(self) -> float:
        """Seconds after which a process that reads a file is ended; 0 where it is the only one."""
        alone = os.getpid() == self.parent or (
            self.parent is None and multiprocessing.parent_process() is None
        )
        return 0 if alone else 1.5 * self.seconds


def process_chunk(job: Job, files: list[SourceFile]) -> list[FileRecord]:
    """Read files and write their images.

    Raises:
        OutputError: An image cannot be written.
        ImportError: A package that reading needs is missing.
    """
    cv2.setNumThreads(1)
    records = []
    for file in files:
        if job.parent not in (None, os.getpid(), os.getppid()):
            # The run was killed, and the next one may be at work in the same folder.
            os._exit(1)
        with killed_after(job.kill), bounded_memory():
            records.append(process_file(job, file))
    return records


def crashed_file(job: Job, file: SourceFile) -> FileRecord:
    """What is noted of a file that kills the process which reads it."""
    detail = f'or took {limit_text(1.5 * job.seconds)}' if job.seconds else ''
    return FileRecord(file, job.identity.file(file.path), CRASHED, detail)


def process_file(job: Job, file: SourceFile) -> FileRecord:
    """Read one file and write its images; see :func:`process_chunk`."""
    record = FileRecord(file, job.identity.file(file.path), file.reason)
    if not record.reason and job.rules.excludes(file.name, file.target):
        record.reason = EXCLUDED
    if record.reason:
        return record
    try:
        with at_hand(file.path, file.name) as path, stopped_after(job.seconds):
            _read(job, file, record, path)
    except (OutputError, ImportError):
        raise  # a package that is missing is no fault of the file
    except (RejectedError, FetchError) as error:
        record.reason, record.detail = error.reason, error.detail
    except MemoryError:
        record.reason = TOO_LARGE
        record.detail = f'it takes more than {MAX_MEMORY / 1e6:,.0f} MB of memory'
    # One file in two million that hits a bug in a decoder must not stop the others.
    except Exception as error:
        record.reason, record.detail = FAILED, f'{type(error).__name__}: {error}'
    if record.reason and not is_remote(file.path) and not os.path.lexists(file.path):
        record.reason, record.detail = VANISHED, ''
    if record.reason:
        record.images.clear()
        record.removed.clear()
        record.doubts.clear()
        record.outlines.clear()
    if len(record.images) > 1 and record.images[0].patient is None:
        for image in record.images:
            image.patient = job.identity.patient('file', record.id.hex())
    return record


def _read(job: Job, file: SourceFile, record: FileRecord, path: Path) -> None:
    before = _state(path)

    def known(
        fields: Mapping[str, str], size: tuple[int, int], regions: tuple[Box, ...]
    ) -> Scanner | None:
        device = job.rules.find('device', file.name, fields)
        return job.scanners.get((device or '', size, regions))

    extraction = extract(path, job.options, job.seconds, known if job.scanners else None)
    _count_fields(record, job.rules, extraction.fields)
    labels = labels_of(job, file, extraction.fields)
    for picture in extraction.pictures:
        record.removed.update(picture.removed)
        if not picture.plausible:
            record.doubts[DOUBTFUL] += 1
        record.images.append(_image(job, picture, labels))
    record.frames += extraction.rejects
    record.outlines += extraction.outlines
    if _state(path) != before:
        # A file is read more than once, and text was looked for in what it held at first.
        record.reason = CHANGED


def _state(path: Path) -> tuple[int, ...]:
    status = os.stat(path)
    own = status.st_dev, status.st_ino, status.st_size
    return (*own, status.st_mtime_ns, status.st_ctime_ns)


def labels_of(job: Job, file: SourceFile, fields: Mapping[str, str]) -> dict[str, str | None]:
    """Organ, centre, device and keyed hashes of patient and study, as the index has them."""

    def find(label: str) -> str | None:
        return job.rules.find(label, file.name, fields)

    center = find('center')
    patient = find('patient')
    number, study = (fields.get(keyword, '').strip() for keyword in HASHED)
    if patient:
        # Two data sets may count their patients alike.
        patient = job.identity.patient('rule', center or '', patient)
    elif number:
        patient = job.identity.patient('number', number)
    elif study:
        patient = job.identity.patient('study', study)
    return {
        'organ': find('organ') or UNKNOWN,
        'center': center,
        'device': find('device'),
        'patient': patient,
        'study': job.identity.study(study) if study else None,
    }


def _image(job: Job, picture: Picture, labels: Mapping[str, str | None]) -> ImageRecord:
    pixels = picture.pixels
    if job.size:
        pixels = cv2.resize(pixels, (job.size, job.size), interpolation=cv2.INTER_LINEAR)
    # The picture is as large in mm as before.
    row_mm, column_mm = (
        mm * old / new
        for mm, old, new in zip(
            picture.spacing or (math.nan, math.nan), picture.pixels.shape, pixels.shape, strict=True
        )
    )
    name = job.identity.image(pixels)
    if job.root is not None:
        write_png(job.root, name, pixels)
    mean, std = (float(value.item()) for value in cv2.meanStdDev(pixels))
    return ImageRecord(
        frame=picture.frame,
        name=name,
        phash=perceptual_hash(pixels),
        mean=mean,
        square=mean**2 + std**2,
        row_mm=row_mm,
        column_mm=column_mm,
        pixels=pixels if job.root is None else None,
        **labels,  # type: ignore[arg-type]
    )


def _count_fields(record: FileRecord, rules: Rules, fields: Mapping[str, str]) -> None:
    for keyword, text in fields.items():
        if text.strip():
            fate = 'read by rules' if keyword in rules.keywords else 'dropped'
            record.fields[f'{"hashed" if keyword in HASHED else fate}: {keyword}'] += 1
