"""Files that lie about what they hold: none takes long or much memory, each has a true reason."""

import resource
import signal
import struct
import subprocess
import sys
import time
import zlib
from contextlib import suppress
from unittest import mock

import lmdb
import numpy as np
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, JPEG2000Lossless

from support.made_up import rows, run, write_folder
from support.scanner_screens import dicom, save, speckle
from usfm_mm.database import chunk, store
from usfm_mm.database.extract import extract
from usfm_mm.database.readers import limits
from usfm_mm.database.readers.limits import bounded, limit_text, stopped_after
from usfm_mm.database.store import OutputError, PackedStore
from usfm_mm.database.types import Options, RejectedError
from usfm_mm.database.workers import Cluster

pytestmark = pytest.mark.usefixtures('no_text_search')


def claims_many_frames(path):
    dataset = dicom(np.stack([speckle(100, 120, seed) for seed in range(3)]))
    dataset.compress(JPEG2000Lossless)
    dataset.NumberOfFrames = 100_000
    save(dataset, path)


def zeros_behind_the_preamble(path):
    with path.open('wb') as file:
        file.write(bytes(128) + b'DICM')
        file.truncate(4_000_000_000)


def zeros_as_an_image(path):
    with path.open('wb') as file:
        file.write(b'\x89PNG\r\n\x1a\n')
        file.truncate(4_000_000_000)


def deflated_bomb(path):
    """3 MB that unpack to 700 MB."""
    save(dicom(speckle(100, 120)[None]), path)
    content = path.read_bytes()
    (length,) = struct.unpack('<L', content[140:144])
    syntax, deflated = (
        text.encode() + bytes(len(text) % 2)
        for text in (ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian)
    )
    meta = content[: 144 + length].replace(
        struct.pack('<H', len(syntax)) + syntax, struct.pack('<H', len(deflated)) + deflated
    )
    meta = meta[:140] + struct.pack('<L', length + len(deflated) - len(syntax)) + meta[144:]
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    with path.open('wb') as file:
        file.write(meta + packer.compress(content[144 + length :]))
        for _ in range(70):
            file.write(packer.compress(bytes(10_000_000)))
        file.write(packer.flush())


def large_volume(path):
    """64 GB of voxels, as its header says."""
    path.write_text(
        'ObjectType = Image\nNDims = 3\nDimSize = 1000 1000 8000\nElementType = MET_DOUBLE\n'
        'ElementDataFile = LOCAL\n'
    )


def one_dimension(path):
    path.write_text(
        'ObjectType = Image\nNDims = 1\nDimSize = 1000\nElementType = MET_UCHAR\n'
        'ElementDataFile = LOCAL\n' + 1000 * 'a'
    )


@pytest.mark.parametrize(
    ('name', 'write', 'reason'),
    [
        ('zeros.dcm', zeros_behind_the_preamble, 'damaged'),
        ('zeros.png', zeros_as_an_image, 'too large'),
        ('deflated.dcm', deflated_bomb, 'too large'),
        ('volume.mha', large_volume, 'too large'),
        ('line.mha', one_dimension, 'damaged'),
    ],
)
def test_takes_neither_long_nor_much_memory(tmp_path, name, write, reason):
    write(tmp_path / name)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(RejectedError) as rejected:
        extract(tmp_path / name, Options())
    assert rejected.value.reason == reason
    assert time.process_time() - start < 60
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_000_000  # kB


def test_frames_that_are_claimed_and_not_there_are_given_up(tmp_path):
    """It took minutes: the file was opened again for each of 100,000."""
    claims_many_frames(tmp_path / 'a.dcm')
    extraction = extract(tmp_path / 'a.dcm', Options(similarity=1))
    assert [picture.frame for picture in extraction.pictures] == [0, 1, 2]
    assert extraction.rejects['damaged frame'] <= 20


def test_a_file_has_its_time(monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr(limits.time, 'process_time', lambda: next(clock))
    picture = speckle(60, 60)
    frames = bounded(lambda step: iter([(i, picture) for i in range(100)]), 5)
    seen = []
    with pytest.raises(RejectedError) as rejected:
        seen.extend(number for number, _ in frames(1))
    assert (rejected.value.reason, rejected.value.detail) == (
        'took too long',
        'more than 5 s of the processor',
    )


def test_a_reader_that_does_not_give_a_frame_is_stopped():
    """Whatever it catches; the signals are as before."""
    before = signal.getsignal(signal.SIGVTALRM)

    def read():
        with stopped_after(0.1):
            while True:
                with suppress(Exception):
                    sum(range(1000))

    with pytest.raises(RejectedError) as rejected:
        read()
    assert rejected.value.detail == limit_text(0.1)
    assert signal.getsignal(signal.SIGVTALRM) == before
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)


def test_a_process_that_does_not_come_back_is_ended():
    code = """
from usfm_mm.database.readers.limits import killed_after
with killed_after(0.2):
    while True:
        pass
"""
    done = subprocess.run([sys.executable, '-c', code], timeout=60)
    assert done.returncode == -signal.SIGPROF


def test_what_took_too_long_is_tried_again_with_another_limit(tmp_path, monkeypatch):
    source = write_folder(tmp_path / 'source', 3)
    slow, tried = ['001.png'], []

    def extract_slowly(path, options, seconds, known):
        tried.append(path.name)
        if path.name in slow and seconds < 100:
            raise RejectedError('took too long', limit_text(seconds))
        return extract(path, options, seconds, known)

    monkeypatch.setattr(chunk, 'extract', extract_slowly)
    text = run([source], tmp_path / 'out', tmp_path)
    assert '1 files left out: took too long' in text
    run([source], tmp_path / 'out', tmp_path)
    assert len(tried) == 3
    run([source], tmp_path / 'out', tmp_path, cluster=Cluster(workers=1, seconds=100))
    assert tried[3:] == ['001.png']
    assert len(rows(tmp_path / 'out')) == 3


def test_vanished_files_are_counted_as_such_and_forgotten(tmp_path, monkeypatch):
    source = write_folder(tmp_path / 'source', 3)

    def remove_first(path, options, seconds, known):
        if path.name == '001.png':
            path.unlink()
        return extract(path, options, seconds, known)

    monkeypatch.setattr(chunk, 'extract', remove_first)
    assert '1 files left out: vanished' in run([source], tmp_path / 'out', tmp_path)
    monkeypatch.setattr(chunk, 'extract', extract)
    assert 'left out: vanished' not in run([source], tmp_path / 'out', tmp_path)
    write_folder(source, 3)
    run([source], tmp_path / 'out', tmp_path)
    assert len(rows(tmp_path / 'out')) == 3


def test_a_full_disk_has_the_systems_words(tmp_path, monkeypatch):
    def full(*_, **__):
        raise lmdb.DiskError('mdb_txn_commit: No space left on device')

    monkeypatch.setattr(store.lmdb, 'open', full)
    with pytest.raises(OutputError, match=r'images.lmdb: No space left on device'):
        PackedStore(tmp_path).__enter__()
    monkeypatch.setattr(store, 'write_atomic', mock.Mock(side_effect=OSError('no number')))
    with pytest.raises(OutputError, match='no number'):
        store.write_png(tmp_path, b'name', speckle(64, 64))
