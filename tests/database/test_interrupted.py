"""Killed at any moment, with several processes, on a cluster: the result is always the same."""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from support.made_up import content, run, without_text_search, write_folder, write_image
from usfm_mm.database.chunk import Job, crashed_file, process_chunk
from usfm_mm.database.identity import Identity
from usfm_mm.database.listing import SourceFile
from usfm_mm.database.rules import Rules
from usfm_mm.database.types import CRASHED, Options
from usfm_mm.database.workers import Cluster, ClusterError, process_all

HERE = Path(__file__).parent
FILES = 100

pytestmark = pytest.mark.usefixtures('no_text_search')


@pytest.fixture(scope='module')
def undisturbed(tmp_path_factory, no_text_search):
    """A source with duplicates and bad files, and what one process makes of it."""
    root = tmp_path_factory.mktemp('interrupted')
    source = write_folder(root / 'source', FILES - 20)
    for i in range(0, 20, 2):
        write_image(source / f'again/{i}.png', i)
        (source / f'again/{i}.dcm').write_bytes(b'')
    run([source], root / 'out', root)
    return root


def start(source, out, folder, workers):
    """A build in a process of its own."""
    paths = os.pathsep.join([str(HERE.parent), *filter(None, sys.path)])
    return subprocess.Popen(
        [sys.executable, HERE.parent / 'support/interrupted.py', source, out, folder, str(workers)],
        env={**os.environ, 'PYTHONPATH': paths},
    )


@pytest.mark.slow
def test_killed_five_times(undisturbed, tmp_path):
    source, out = undisturbed / 'source', tmp_path / 'out'
    images = out / 'images'
    rng = random.Random(0)
    for workers in (1, 2, 1, 1, 1):
        process = start(source, out, tmp_path, workers)
        before = sum(1 for _ in images.rglob('*.png')) if images.exists() else 0
        # into the work: after some images more than there were, and then a random moment
        while sum(1 for _ in images.rglob('*.png')) < min(before + 6, FILES - 25):
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.1))
        assert process.poll() is None, 'done before it could be killed'
        # the main process alone: its workers must find out by themselves
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert not (out / 'index.parquet').exists()
    process = start(source, out, tmp_path, 1)
    assert process.wait(timeout=120) == 0
    assert content(out) == content(undisturbed / 'out')


def test_killed_in_the_finishing_pass(undisturbed, tmp_path, monkeypatch):
    """Stopped before each of its steps, and gone on with."""
    from usfm_mm.database import publish, stores

    source, out = undisturbed / 'source', tmp_path / 'out'
    for step in ('mark_duplicates', 'write_index', 'remove_strays', 'write_json', 'write_report'):
        with monkeypatch.context() as patch:
            patch.setattr(stores if step == 'remove_strays' else publish, step, stop)
            with pytest.raises(KeyboardInterrupt):
                run([source], out, tmp_path)
    run([source], out, tmp_path)
    assert content(out) == content(undisturbed / 'out')


def stop(*_, **__):
    raise KeyboardInterrupt


def test_nothing_is_done_twice(undisturbed, tmp_path, monkeypatch):
    """What is in the journal is not read again, and what is not leaves no trace."""
    from usfm_mm.database import build

    source, out = undisturbed / 'source', tmp_path / 'out'
    add, chunks = build.Journal.add, []

    def add_two(self, records, generation):
        if len(chunks) == 2:
            raise KeyboardInterrupt
        chunks.append({record.file.name for record in records})
        add(self, records, generation)

    with monkeypatch.context() as patch:
        patch.setattr(build.Journal, 'add', add_two)
        with pytest.raises(KeyboardInterrupt):
            run([source], out, tmp_path)
    (out / 'images/000').mkdir(exist_ok=True)
    (out / 'images/000/.half.png.tmp').write_bytes(b'half')
    later = []

    def noting(self, records, generation):
        later.extend(record.file.name for record in records)
        add(self, records, generation)

    monkeypatch.setattr(build.Journal, 'add', noting)
    run([source], out, tmp_path)
    assert len(later) == FILES - 64
    assert not set(later) & set.union(*chunks)
    assert content(out) == content(undisturbed / 'out')


@contextmanager
def dask_cluster(workers=2, threads=1):
    distributed = pytest.importorskip('distributed')
    with distributed.LocalCluster(
        n_workers=workers, threads_per_worker=threads, host='127.0.0.1', dashboard_address=None
    ) as cluster:
        yield cluster.scheduler_address


def test_dask_gives_the_same_with_a_worker_killed(undisturbed, tmp_path, monkeypatch):
    """In the middle of a chunk, of which some images are written."""
    from usfm_mm.database import build

    killed = tmp_path / 'killed'
    monkeypatch.setattr(build, 'process_chunk', partial(dying_once, killed))
    with dask_cluster() as scheduler:
        run(
            [undisturbed / 'source'],
            tmp_path / 'out',
            tmp_path,
            cluster=Cluster('dask', -1, scheduler),
        )
    assert killed.exists()
    assert content(tmp_path / 'out') == content(undisturbed / 'out')


def dying_once(killed, job, files):
    """The work on a chunk; one of the processes goes down, as a cluster's node does."""
    with without_text_search():
        if not killed.exists() and any(file.path.endswith('/045.png') for file in files):
            process_chunk(job, files[: len(files) // 2])
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return process_chunk(job, files)


def process(job, chunks, cluster):
    work, crashed = partial(process_chunk, job), partial(crashed_file, job)
    return [r for block in process_all(work, crashed, chunks, cluster) for r in block]


def test_dask_workers_of_several_threads_are_refused(tmp_path):
    job = Job(Identity(b'k'), Rules((), ()), Options(), 64, tmp_path)
    with dask_cluster(1, 2) as scheduler, pytest.raises(ClusterError, match='--nthreads 1'):
        process(job, [], Cluster('dask', -1, scheduler))


def test_a_file_that_kills_worker_after_worker_of_dask(tmp_path):
    """On the cluster that is started where no scheduler is named."""
    dask = pytest.importorskip('dask')
    pytest.importorskip('distributed')
    paths = [write_image(tmp_path / name, i) for i, name in enumerate(('a.png', 'deadly.png'))]
    job = Job(Identity(b'k'), DeadlyRules((), ()), Options(), 64, tmp_path / 'out')
    chunks = iter([[SourceFile(str(path), path.name, '1', 1) for path in paths]])
    with dask.config.set({'distributed.scheduler.allowed-failures': 0}):
        records = process(job, chunks, Cluster('dask', 1))
    assert [(r.file.name, r.reason) for r in records] == [('a.png', ''), ('deadly.png', CRASHED)]


class DeadlyRules(Rules):
    """Kills the process that reads a file called deadly, as a decoder's fault would."""

    def excludes(self, path, whole=''):
        if 'deadly' in path:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().excludes(path, whole)


def test_a_file_that_kills_its_process(tmp_path):
    files = []
    for i in range(6):
        path = write_image(tmp_path / f'{i}{"deadly" * (i == 3)}.png', i)
        files.append(SourceFile(str(path), path.name, '1', 1))
    job = Job(Identity(b'k'), DeadlyRules((), ()), Options(), 64, tmp_path / 'out', os.getpid())
    chunks = [files[:2], files[2:5], files[5:]]
    records = process(job, chunks, Cluster(workers=2))
    assert sorted((record.file.name, record.reason) for record in records) == [
        ('0.png', ''),
        ('1.png', ''),
        ('2.png', ''),
        ('3deadly.png', CRASHED),
        ('4.png', ''),
        ('5.png', ''),
    ]
