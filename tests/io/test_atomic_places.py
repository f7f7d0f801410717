"""Where files cannot be made is said before there is work to be lost."""

import errno
import tempfile
from pathlib import Path

import pytest

from usfm_mm.io.atomic import check_writable, write_atomic


def test_folders_that_can_be_made_are_not_made_yet(tmp_path):
    check_writable(tmp_path, 'x')
    check_writable(tmp_path / 'a' / 'b', 'x')
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_a_folder(tmp_path):
    (tmp_path / 'file').write_text('mine')
    for folder in ('file', 'file/below'):
        with pytest.raises(OSError, match=rf'{folder} cannot be written to \(Not a d.*: try'):
            check_writable(tmp_path / folder, 'try --out')
    assert (tmp_path / 'file').read_text() == 'mine'


def test_a_disk_that_is_read_only(tmp_path, monkeypatch):
    def refuse(dir):
        assert dir == tmp_path
        raise OSError(errno.EROFS, 'Read-only file system')

    monkeypatch.setattr(tempfile, 'TemporaryFile', refuse)
    with pytest.raises(OSError, match=r'new cannot be written to \(Read-only file system\): try'):
        check_writable(tmp_path / 'new', 'try --out')


def test_a_full_disk_names_the_file_and_leaves_none(tmp_path, monkeypatch):
    def full(self, data):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(Path, 'write_bytes', full)
    with pytest.raises(OSError, match=r"No space left on device: '.*a\.png'"):
        write_atomic(tmp_path / 'a.png', b'x')
    assert list(tmp_path.iterdir()) == []
