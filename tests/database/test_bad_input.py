"""Files that give nothing: each is counted with its reason, and the others are read."""

import csv
import os
import struct
import zlib

import av
import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate

from support.made_up import rows, run, speckle, write_dicom, write_folder
from usfm_mm.database.places import default_journal_folder

pytestmark = pytest.mark.usefixtures('no_text_search')


def bomb(path):
    """A PNG of a few bytes that says it has 60,000 x 60,000 pixels."""

    def chunk(kind, data):
        crc = struct.pack('>I', zlib.crc32(kind + data))
        return struct.pack('>I', len(data)) + kind + data + crc

    header = struct.pack('>IIBBBBB', 60_000, 60_000, 8, 0, 0, 0, 0)
    path.write_bytes(
        b'\x89PNG\r\n\x1a\n'
        + chunk(b'IHDR', header)
        + chunk(b'IDAT', zlib.compress(bytes(1000)))
        + chunk(b'IEND', b'')
    )


def clip_without_frames(path):
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('mpeg4', rate=25)
        stream.width = stream.height = 64
        container.start_encoding()


def unsupported(path):
    write_dicom(path, speckle(0))
    data = pydicom.dcmread(path)
    data.PixelData = encapsulate([data.PixelData])
    data.file_meta.TransferSyntaxUID = '1.2.840.10008.1.2.4.94'  # JPIP: the pixels are elsewhere
    pydicom.dcmwrite(path, data, enforce_file_format=False)


@pytest.fixture(scope='module')
def folder(tmp_path_factory, no_text_search):
    """A build of four good files and one of each bad kind."""
    root = tmp_path_factory.mktemp('bad')
    source = write_folder(root / 'source', 4)
    write_dicom(source / 'cut.dcm', np.stack([speckle(9)] * 2))
    content = (source / 'cut.dcm').read_bytes()
    (source / 'cut.dcm').write_bytes(content[: len(content) - 64 * 100])
    (source / 'zero.dcm').write_bytes(b'')
    (source / 'words.png').write_text('these are words, and no picture')
    (source / 'sealed.dcm').write_bytes(b'Salted__' + bytes(range(256)))
    png = (source / 'liver/000.png').read_bytes()
    (source / 'picture.dcm').write_bytes(png)  # wrong extension, but a picture: a duplicate
    bomb(source / 'bomb.png')
    clip_without_frames(source / 'none.avi')
    unsupported(source / 'far.dcm')
    write_dicom(
        source / 'other.dcm', speckle(8), Modality='CT', SOPClassUID='1.2.840.10008.5.1.4.1.1.2'
    )
    os.mkfifo(source / 'pipe.dcm')
    (source / 'gone.png').symlink_to(source / 'nowhere')
    (source / 'linked').symlink_to(source / 'liver')
    (source / 'liver/000_mask.png').write_bytes(png)
    root.joinpath('text').write_text(
        run(
            [source],
            root / 'out',
            root,
            "exclude: ['_mask']\norgan: [{path: '/(?P<organ>liver|thyroid)/'}]",
        )
    )
    return root


@pytest.mark.parametrize(
    ('name', 'reason'),
    [
        ('cut.dcm', 'truncated'),
        ('zero.dcm', 'empty file'),
        ('words.png', 'not an image'),
        ('sealed.dcm', 'encrypted'),
        ('bomb.png', 'too large'),
        ('none.avi', 'no frames'),
        ('far.dcm', 'unsupported compression'),
        ('other.dcm', 'not ultrasound'),
        ('pipe.dcm', 'not a regular file'),
        ('gone.png', 'unreadable'),
        ('linked', 'linked folder'),
        ('liver/000_mask.png', 'excluded by rule'),
    ],
)
def test_is_counted_with_its_reason(folder, name, reason):
    private = default_journal_folder(folder / 'secret.key', folder / 'out')
    listed = csv.reader((private / 'rejected.csv').open())
    assert (str(folder / 'source' / name), reason) in {(row[0], row[1]) for row in listed}
    assert f'<td>{reason}</td><td class="n">1</td>' in (folder / 'out/report.html').read_text()
    assert f'1 files left out: {reason}' in (folder / 'text').read_text()


def test_the_others_are_read(folder):
    assert [row['organ'] for row in rows(folder / 'out')].count('liver') == 2
    assert len(rows(folder / 'out')) == 4
    assert '1 exact' in (folder / 'text').read_text()


def test_a_fault_in_a_decoder_does_not_stop_the_run(tmp_path, monkeypatch):
    from usfm_mm.database import chunk

    extract = chunk.extract

    def faulty(path, options, seconds, known):
        if path.name == '001.png':
            raise ZeroDivisionError('in some decoder')
        return extract(path, options, seconds, known)

    monkeypatch.setattr(chunk, 'extract', faulty)
    text = run([write_folder(tmp_path / 'source', 4)], tmp_path / 'out', tmp_path)
    assert '1 files left out: reader failed' in text
    assert len(rows(tmp_path / 'out')) == 3
    private = default_journal_folder(tmp_path / 'secret.key', tmp_path / 'out')
    assert 'ZeroDivisionError: in some decoder' in (private / 'rejected.csv').read_text()


def test_frames_are_counted(tmp_path):
    clip = np.stack([speckle(0), speckle(0), np.zeros((64, 64), np.uint8), speckle(1)])
    write_dicom(tmp_path / 'source/clip.dcm', clip, FrameTime=1000)
    run([tmp_path / 'source'], tmp_path / 'out', tmp_path)
    report = (tmp_path / 'out/report.html').read_text()
    assert '<td>similar to the frame before</td><td class="n">1</td>' in report
    assert '<td>blank</td><td class="n">1</td>' in report
    assert len(rows(tmp_path / 'out')) == 2


def test_file_of_which_every_frame_is_left_out(tmp_path):
    write_dicom(tmp_path / 'source/black.dcm', np.zeros((64, 64), np.uint8))
    run([tmp_path / 'source'], tmp_path / 'out', tmp_path)
    private = default_journal_folder(tmp_path / 'secret.key', tmp_path / 'out')
    (row,) = list(csv.reader((private / 'rejected.csv').open()))[1:]
    assert row[1:] == ['every frame left out', '{"mask or drawing":1}']
    assert 'Of 1 more files every frame' in (tmp_path / 'out/report.html').read_text()
