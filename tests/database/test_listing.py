"""Listing the files of the sources."""

import os

import pytest

from support.made_up import write_image
from usfm_mm.database import listing
from usfm_mm.database.listing import SourceError, SourceFile, check_sources, in_chunks, walk


def test_walk(tmp_path):
    root = tmp_path / 'study'
    write_image(root / 'a/1.png', 0)
    write_image(root / '2', 1)
    write_image(tmp_path / 'single.dcm', 2)
    (root / 'linked').symlink_to(root / 'a')
    (root / 'broken.png').symlink_to(root / 'nowhere')
    (root / 'file.png').symlink_to(root / '2')
    os.mkfifo(root / 'pipe')
    found = {file.name: file for file in walk([root, tmp_path / 'single.dcm'])}
    assert {name: file.reason for name, file in found.items()} == {
        'study/a/1.png': '',
        'study/2': '',
        'study/file.png': '',
        'study/linked': 'linked folder',
        'study/broken.png': 'unreadable',
        'study/pipe': 'not a regular file',
        'single.dcm': '',
    }
    single = found['single.dcm']
    assert single.path == str(tmp_path / 'single.dcm')
    assert single.size == os.path.getsize(single.path)
    before = single.stamp
    os.utime(single.path, (0, 0))
    assert next(walk([tmp_path / 'single.dcm'])).stamp != before


def test_unreadable_folder_is_one_item(tmp_path, monkeypatch):
    write_image(tmp_path / 'root/closed/1.png', 0)
    write_image(tmp_path / 'root/open/2.png', 1)
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith('closed'):
            raise PermissionError(13, 'Permission denied')
        return scandir(path)

    # Root may read all, so that permissions alone would not do.
    monkeypatch.setattr(listing.os, 'scandir', refuse)
    assert {(file.name, file.reason) for file in walk([tmp_path / 'root'])} == {
        ('root/closed', 'unreadable folder'),
        ('root/open/2.png', ''),
    }


def test_links_that_cannot_be_followed_hide_nothing(tmp_path):
    """One in a loop, before and after the files, in whatever order the folder lists them."""
    root = tmp_path / 'root'
    for i in range(4):
        write_image(root / f'{i}.png', i)
        (root / f'loop{i}').symlink_to(root / f'loop{i}')
    assert sorted((file.name, file.reason) for file in walk([root])) == [
        *((f'root/{i}.png', '') for i in range(4)),
        *((f'root/loop{i}', 'unreadable') for i in range(4)),
    ]


def test_chunks_are_cut_by_number_and_size():
    small = [SourceFile('', str(i), '', 1) for i in range(70)]
    assert [len(chunk) for chunk in in_chunks(small)] == [32, 32, 6]
    large = [SourceFile('', str(i), '', 40 << 20) for i in range(5)]
    assert [len(chunk) for chunk in in_chunks(large)] == [2, 2, 1]
    assert list(in_chunks([])) == []


def test_sources_must_lie_apart(tmp_path):
    for name in ('a/b', 'ab', 'out'):
        (tmp_path / name).mkdir(parents=True)
    check_sources([tmp_path / 'a', tmp_path / 'ab'], tmp_path / 'out')
    for sources, out, message in (
        (['a', 'a/b'], 'out', 'share files'),
        (['a/b', 'a'], 'out', 'share files'),
        (['a', 'a'], 'out', 'share files'),
        (['a'], 'a/new', 'must lie apart'),
        (['a/b'], 'a', 'must lie apart'),
        (['c'], 'out', 'there is no'),
    ):
        with pytest.raises(SourceError, match=message):
            check_sources([tmp_path / source for source in sources], tmp_path / out)
