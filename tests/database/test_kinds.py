"""Kinds of files, told by their content."""

import gzip

import pytest

from usfm_mm.database.readers.kinds import kind_of
from usfm_mm.database.types import RejectedError


@pytest.mark.parametrize(
    ('content', 'kind'),
    [
        (b'\0' * 128 + b'DICM' + b'\x02\0', 'dicom'),
        (b'\x08\0\x05\0CS\x0a\0ISO_IR 100' + b'\0' * 200, 'dicom'),  # without preamble
        (b'\x89PNG\r\n\x1a\n', 'image'),
        (b'\xff\xd8\xff\xe0', 'image'),
        (b'BM\0\0', 'image'),
        (b'II*\0', 'image'),
        (b'MM\0*', 'image'),
        (b'GIF89a', 'video'),
        (b'\0\0\0\x18ftypmp42', 'video'),
        (b'\0\0\0\x08wide', 'video'),
        (b'RIFF\0\0\0\0AVI LIST', 'video'),
        (b'\0\0\1\xba', 'video'),
        ((b'G' + b'\0' * 187) * 3, 'video'),
        (b'\x5c\1\0\0' + b'\0' * 340 + b'n+1\0', 'nifti'),
        (gzip.compress(b'\x5c\1\0\0' + b'\0' * 340 + b'n+1\0', mtime=0), 'nifti'),
        (b'ObjectType = Image\nNDims = 3\n', 'metaimage'),
    ],
)
def test_content_tells_the_kind_whatever_the_name(tmp_path, content, kind):
    path = tmp_path / 'wrong.txt'
    path.write_bytes(content)
    assert kind_of(path) == kind


@pytest.mark.parametrize(
    ('content', 'reason'),
    [
        (b'', 'empty file'),
        (b'PATIENT;NAME\n', 'not an image'),
        (b'PK\3\4\x14\0\0\0', 'not an image'),
        (b'PK\3\4\x14\0\1\0', 'encrypted'),
        (b'Salted__12345678', 'encrypted'),
        (bytes.fromhex('3082010006092a864886f70d010703'), 'encrypted'),
        (gzip.compress(b'words', mtime=0), 'not an image'),
        (gzip.compress(b'words', mtime=0)[:-12], 'damaged'),
    ],
)
def test_what_is_not_read_has_its_reason(tmp_path, content, reason):
    path = tmp_path / 'scan.dcm'
    path.write_bytes(content)
    with pytest.raises(RejectedError) as rejected:
        kind_of(path)
    assert rejected.value.reason == reason
    assert 'scan' not in str(rejected.value)


def test_unreadable_path_is_rejected(tmp_path):
    for path in (tmp_path, tmp_path / 'gone.png'):
        with pytest.raises(RejectedError) as rejected:
            kind_of(path)
        assert rejected.value.reason == 'unreadable'
