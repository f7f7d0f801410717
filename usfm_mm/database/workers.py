"""Chunks of files on all cores of a machine or of a cluster, through joblib."""

import multiprocessing
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass

from joblib import Parallel, delayed, parallel_config

from usfm_mm.database.chunk import Job, process_chunk
from usfm_mm.database.journal import FileRecord
from usfm_mm.database.listing import SourceFile

CRASHED = 'reader crashed'


@dataclass(frozen=True)
class Cluster:
    """Where the work is done.

    Attributes:
        backend: joblib's: 'loky' for this machine, 'dask' or 'ray'.
        workers: Processes; -1 for all cores.
        scheduler: Address of the Dask scheduler or the Ray head; None starts one here.
    """

    backend: str = 'loky'
    workers: int = -1
    scheduler: str | None = None


def process_all(
    job: Job, chunks: Iterable[list[SourceFile]], cluster: Cluster
) -> Iterator[list[FileRecord]]:
    """What becomes of each chunk, as they get done.

    A file that kills its process, by a decoder's fault or by the memory it takes, is found by
    reading, one by one, those files that were at work; it becomes a record with that reason.

    Raises:
        OutputError: The database cannot be written.
    """
    # loky replaces workers whose memory has grown, as that of the network for text does.
    warnings.filterwarnings('ignore', 'A worker stopped while some jobs', UserWarning)
    with ExitStack() as stack:
        _connect(cluster, stack)
        stack.enter_context(parallel_config(backend=cluster.backend, n_jobs=cluster.workers))
        remaining = iter(chunks)
        at_work: dict[int, list[SourceFile]] = {}
        while True:
            try:
                results = Parallel(
                    return_as='generator_unordered', batch_size=1, pre_dispatch='2 * n_jobs'
                )(
                    delayed(_numbered)(number, job, chunk)
                    for number, chunk in _noted(remaining, at_work)
                )
                for number, records in results:
                    del at_work[number]
                    yield records
                return
            except BrokenProcessPool:
                suspects = [file for chunk in at_work.values() for file in chunk]
                at_work.clear()
                yield from _one_by_one(job, suspects)


def _connect(cluster: Cluster, stack: ExitStack) -> None:
    if cluster.backend == 'dask':
        from dask.distributed import Client

        stack.enter_context(Client(cluster.scheduler))
    elif cluster.backend == 'ray':
        import ray
        from ray.util.joblib import register_ray

        ray.init(cluster.scheduler)
        stack.callback(ray.shutdown)
        register_ray()


def _noted(
    chunks: Iterator[list[SourceFile]], at_work: dict[int, list[SourceFile]]
) -> Iterator[tuple[int, list[SourceFile]]]:
    for number, chunk in enumerate(chunks):
        at_work[number] = chunk
        yield number, chunk


def _numbered(number: int, job: Job, files: list[SourceFile]) -> tuple[int, list[FileRecord]]:
    return number, process_chunk(job, files)


def _one_by_one(job: Job, files: Iterable[SourceFile]) -> Iterator[list[FileRecord]]:
    """Each file in a process that may die; a new one takes its place."""
    pool = None
    try:
        for file in files:
            pool = pool or ProcessPoolExecutor(1, multiprocessing.get_context('spawn'))
            try:
                yield pool.submit(process_chunk, job, [file]).result()
            except BrokenProcessPool:
                pool = None
                yield [FileRecord(file, job.identity.file(file.path), CRASHED)]
    finally:
        if pool is not None:
            pool.shutdown()
