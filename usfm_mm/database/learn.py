"""Learning where the pictures of scanners lie: the layouts of many files, and what they share.

The files are chosen by hashes of their names and what they say is counted, so that neither their
order nor the number of processes matters.
"""

import hashlib
import heapq
import os
import secrets
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import cv2
from rich.console import Console

from usfm_mm.database.agreement import Agreement, Needs, Seen, agreements, hull_of
from usfm_mm.database.chunk import Job, labels_of
from usfm_mm.database.extract import survey
from usfm_mm.database.fetch import at_hand
from usfm_mm.database.identity import MIN_KEY_BYTES, Identity
from usfm_mm.database.listing import SourceFile, check_sources, in_chunks, walk
from usfm_mm.database.readers import open_clip
from usfm_mm.database.readers.limits import bounded_memory, killed_after, stopped_after
from usfm_mm.database.remote import Remote
from usfm_mm.database.rules import read_rules
from usfm_mm.database.screen.view import View, lay_out
from usfm_mm.database.types import Options
from usfm_mm.database.workers import Cluster, process_all
from usfm_mm.io.progress import progress_bar

# What the default rules call models that they do not know: many scanners.
_OTHER = 'other'


def learn_scanners(
    sources: Sequence[Path | Remote],
    out: Path,
    rules_file: Path | None = None,
    needs: Needs | None = None,
    count: int = 2000,
    cluster: Cluster | None = None,
    console: Console | None = None,
) -> list[Agreement]:
    """What the files of each device and frame size agree on.

    Args:
        sources: Folders and files, also in object storage.
        out: File to be written, which must lie outside of them.
        rules_file: For the device and the patient, as for a build.
        needs: What is asked for.
        count: Files that are looked at, at most.
        cluster: By default all cores of this machine.
        console: For the progress.

    Raises:
        ValueError: Something about the arguments is wrong.
    """
    if count < 1:
        raise ValueError(f'--files must be 1 or more, got {count}')
    cluster, console = cluster or Cluster(), console or Console(quiet=True)
    check_sources(sources, out)
    # Patients are told apart in this run alone, so that any key does.
    identity = Identity(secrets.token_bytes(MIN_KEY_BYTES))
    parent = os.getpid() if cluster.backend == 'loky' else None
    rules = read_rules(rules_file)
    job = Job(identity, rules, Options(), 0, None, parent, cluster.seconds)
    with console.status('choosing files'):
        files = (
            file
            for file in walk(sources)
            if not file.reason and not rules.excludes(file.name, file.target)
        )
        chosen = heapq.nsmallest(count, files, key=_order)
    seen: list[Seen] = []
    with progress_bar(console) as progress:
        task = progress.add_task('looking at screens', total=len(chosen))
        for looks in process_all(partial(look_at, job), nothing, in_chunks(chosen), cluster):
            seen += [one for look in looks for one in look]
            progress.advance(task, len(looks))
    return agreements(seen, needs or Needs())


def look_at(job: Job, files: list[SourceFile]) -> list[list[Seen]]:
    """The screens of each file; none of one that cannot be read or whose device is not known."""
    cv2.setNumThreads(1)
    looks = []
    for file in files:
        if job.parent not in (None, os.getpid(), os.getppid()):
            os._exit(1)  # nobody waits for it any more
        with killed_after(job.kill), bounded_memory():
            looks.append(_look(job, file))
    return looks


def nothing(file: SourceFile) -> list[Seen]:
    """What is seen of a file that kills the process which reads it."""
    return []


def _look(job: Job, file: SourceFile) -> list[Seen]:
    try:
        with at_hand(file.path, file.name) as path, stopped_after(job.seconds):
            return _seen(job, file, path)
    except ImportError:
        raise  # a package that is missing is no fault of the file
    # A build tells what is wrong with files; here there are others to look at.
    except Exception:
        return []


def _seen(job: Job, file: SourceFile, path: Path) -> list[Seen]:
    clip = open_clip(path, job.options, job.seconds)
    labels = labels_of(job, file, clip.fields)
    device, patient = labels['device'], labels['patient']
    if device in (None, _OTHER):
        return []
    _, groups, count = survey(clip, job.options)
    if patient is None and count > 1:
        patient = job.identity.patient('file', file.path)
    seen = []
    for frames in groups:
        layout = lay_out(frames, clip.regions, count == 1)
        height, width = frames[0].shape
        alone = layout.fault is None and len(layout.views) == 1
        outline = outline_of(layout.views[0]) if alone else None
        key = str(device), (width, height), clip.regions
        seen.append(Seen(key, b''.join(_order(file)), patient, outline, layout.text))
    return seen


def outline_of(view: View) -> tuple[tuple[int, int], ...]:
    """Corners x, y of a view's outline, in pixels of the frame."""
    box = view.box
    if view.inside is None:
        right, bottom = box.right - 1, box.bottom - 1
        return (box.left, box.top), (right, box.top), (right, bottom), (box.left, bottom)
    return tuple((box.left + x, box.top + y) for x, y in hull_of(view.inside))


def _order(file: SourceFile) -> tuple[bytes, bytes]:
    """As good as by chance, but always the same; the path tells sources of one name apart."""
    name, path = (os.fsencode(text) for text in (file.name, file.path))
    return hashlib.sha256(name).digest(), hashlib.sha256(path).digest()
