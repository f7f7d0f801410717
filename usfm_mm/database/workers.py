"""Chunks of files on all cores of a machine or of a cluster, through joblib or Dask."""

import multiprocessing
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from joblib import Parallel, delayed, parallel_config

from usfm_mm.database.listing import SourceFile

T = TypeVar('T')
F = TypeVar('F')
Work = Callable[[list[SourceFile]], list[T]]

# Seconds until the first worker of a Dask cluster must be there.
_WAIT = 60


class ClusterError(ValueError):
    """A cluster that cannot be used."""


@dataclass(frozen=True)
class Cluster:
    """Where the work is done.

    Attributes:
        backend: 'loky' for this machine, or 'dask'.
        workers: Processes; -1 for all cores.
        scheduler: Address of the Dask scheduler; None starts one here.
        seconds: Of the processor, for one file; 0: no limit.
    """

    backend: str = 'loky'
    workers: int = -1
    scheduler: str | None = None
    seconds: float = 40


def process_all(
    work: Work[T],
    crashed: Callable[[SourceFile], T],
    chunks: Iterable[list[SourceFile]],
    cluster: Cluster,
) -> Iterator[list[T]]:
    """What ``work`` makes of each chunk, as they get done, in no particular order.

    A file that kills its process, by a decoder's fault or by the memory it takes, is found by
    reading, one by one, those files that were at work.

    Args:
        work: One result for each file of a chunk; can be pickled.
        crashed: The result for a file that kills its process.
        chunks: Files.
        cluster: Where the work is done.

    Raises:
        ClusterError: Dask's workers have several threads.
    """
    if cluster.backend == 'dask':
        yield from _over_dask(work, crashed, iter(chunks), cluster)
        return
    # loky replaces workers whose memory has grown, as that of the network for text does.
    warnings.filterwarnings('ignore', 'A worker stopped while some jobs', UserWarning)
    with parallel_config(backend='loky', n_jobs=cluster.workers):
        remaining = iter(chunks)
        at_work: dict[int, list[SourceFile]] = {}
        while True:
            try:
                results = Parallel(
                    return_as='generator_unordered', batch_size=1, pre_dispatch='2 * n_jobs'
                )(
                    delayed(_numbered)(number, work, chunk)
                    for number, chunk in _noted(remaining, at_work)
                )
                for number, done in results:
                    del at_work[number]
                    yield done
                return
            except BrokenProcessPool:
                suspects = [file for chunk in at_work.values() for file in chunk]
                at_work.clear()
                yield from one_by_one(work, crashed, suspects)


def _over_dask(
    work: Work[T],
    crashed: Callable[[SourceFile], T],
    chunks: Iterator[list[SourceFile]],
    cluster: Cluster,
) -> Iterator[list[T]]:
    """Without joblib, whose Dask backend waits for ever when a file kills worker after worker."""
    from dask.distributed import Client, KilledWorker, LocalCluster, as_completed

    with ExitStack() as stack:
        address = cluster.scheduler or stack.enter_context(
            LocalCluster(
                n_workers=cluster.workers if cluster.workers > 0 else None,
                threads_per_worker=1,
                dashboard_address=None,
            )
        )
        client = stack.enter_context(Client(address))
        client.wait_for_workers(1, timeout=_WAIT)
        threads = client.nthreads().values()
        if any(number != 1 for number in threads):
            raise ClusterError(
                'Dask has workers of several threads, which the search for text does not stand: '
                'start them with --nthreads 1, and as many as there are cores (--nworkers)'
            )

        def submit(chunk: list[SourceFile]) -> Any:
            future = client.submit(work, chunk, pure=False)
            at_work[future] = chunk
            return future

        at_work: dict[Any, list[SourceFile]] = {}
        done = as_completed([submit(chunk) for chunk in islice(chunks, 2 * len(threads))])
        for future in done:
            suspects = at_work.pop(future)
            try:
                yield future.result()
            except KilledWorker:
                yield from one_by_one(work, crashed, suspects)
            for chunk in islice(chunks, 1):
                done.add(submit(chunk))


def _noted(
    chunks: Iterator[list[SourceFile]], at_work: dict[int, list[SourceFile]]
) -> Iterator[tuple[int, list[SourceFile]]]:
    for number, chunk in enumerate(chunks):
        at_work[number] = chunk
        yield number, chunk


def _numbered(number: int, work: Work[T], files: list[SourceFile]) -> tuple[int, list[T]]:
    return number, work(files)


def one_by_one(
    work: Callable[[list[F]], list[T]], crashed: Callable[[F], T], files: Iterable[F]
) -> Generator[list[T], None, None]:
    """Each file in a process that may die; a new one takes its place.

    Args:
        work: One result for each file of a list; can be pickled.
        crashed: The result for a file that kills its process.
        files: Files, or their paths.
    """
    pool = None
    try:
        for file in files:
            pool = pool or ProcessPoolExecutor(1, multiprocessing.get_context('spawn'))
            try:
                yield pool.submit(work, [file]).result()
            except BrokenProcessPool:
                pool = None
                yield [crashed(file)]
    finally:
        if pool is not None:
            pool.shutdown()
