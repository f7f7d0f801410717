"""Sources in object storage: the same database as of the same files in a folder."""

import csv

import cv2
import numpy as np
import pytest

from support.all_kinds import RULES, told, write_all_kinds
from support.hostile_store import in_memory
from support.made_up import (
    content,
    rows,
    run,
    write_folder,
)
from usfm_mm.database.listing import SourceError, check_sources
from usfm_mm.database.remote import Remote, RemoteError
from usfm_mm.database.review import write_sheets

pytestmark = pytest.mark.usefixtures('no_text_search')


def test_memory_gives_the_index_of_the_folder(tmp_path):
    folder = write_all_kinds(tmp_path / 'export')
    run([folder], tmp_path / 'a', tmp_path / 'key_a', RULES)
    with in_memory(folder, 'bucket/export'):
        run([Remote('memory://bucket/export')], tmp_path / 'b', tmp_path / 'key_b', RULES)
    local = told(folder, tmp_path / 'a', tmp_path / 'key_a', str(folder))
    remote = told(folder, tmp_path / 'b', tmp_path / 'key_b', 'memory://bucket/export')
    assert local == remote
    assert len(local[0]) == 4 + 1 + 2 + 3 + 1 + 1
    reasons = {path: reason for path, reason, _ in remote[2]}
    assert reasons['/liver/000_mask.png'] == 'excluded by rule'
    assert reasons['/notes.txt'] == 'not an image'
    # one file's images share its hash here and there
    files = [[row['_file'] for row in rows(tmp_path / out)] for out in 'ab']
    pairs = set(zip(*files, strict=True))
    assert len(pairs) == len(set(files[0])) == len(set(files[1]))
    assert not set(files[0]) & set(files[1])


def test_what_is_done_is_not_fetched_again(tmp_path, monkeypatch):
    folder = write_folder(tmp_path / 'export', 3)
    source = Remote('memory://bucket/export')
    with in_memory(folder, 'bucket/export') as system:
        run([source], tmp_path / 'out', tmp_path, RULES)
        before = content(tmp_path / 'out/images')
        fetched = []
        opened = type(system)._open

        def noted(self, path, *rest, **more):
            fetched.append(path.rpartition('/')[2])
            return opened(self, path, *rest, **more)

        monkeypatch.setattr(type(system), '_open', noted)
        run([source], tmp_path / 'out', tmp_path, RULES)
        assert (fetched, content(tmp_path / 'out/images')) == ([], before)
        # one is replaced, one comes, one goes: what is in the database stays
        system.pipe_file('/bucket/export/liver/000.png', (folder / 'liver/002.png').read_bytes())
        system.pipe_file('/bucket/export/new.png', b'\x89PNG\r\n\x1a\n')
        system.rm('/bucket/export/thyroid/001.png')
        run([source], tmp_path / 'out', tmp_path, RULES)
        assert sorted(fetched) == ['000.png', '000.png', 'new.png', 'new.png']  # one write each
        assert len(rows(tmp_path / 'out')) == 2


def test_excluded_files_are_not_fetched_and_leave(tmp_path):
    folder = write_folder(tmp_path / 'export', 4)
    source = Remote('memory://bucket/export')
    rule = RULES.replace("'_mask'", "'^export/liver/'")
    with in_memory(folder, 'bucket/export') as system:
        run([source], tmp_path / 'out', tmp_path, RULES)
        text = run([source], tmp_path / 'out', tmp_path, rule)
        assert {row['organ'] for row in rows(tmp_path / 'out')} == {'thyroid'}
        assert '2 files left out: excluded by rule' in text
        # Moved to where a rule excludes it, and gone from its place; a copy changes nothing.
        objects = system.store
        objects['/bucket/export/liver/001.png'] = objects.pop('/bucket/export/thyroid/001.png')
        objects['/bucket/export/liver/003.png'] = objects['/bucket/export/thyroid/003.png']
        run([source], tmp_path / 'out', tmp_path, rule)
        (left,) = rows(tmp_path / 'out')
        system.rm('/bucket/export/thyroid/003.png')
        run([source], tmp_path / 'out', tmp_path, rule)
        assert not (tmp_path / 'out/index.parquet').exists()
        assert not (tmp_path / 'out' / left['path']).exists()


def test_names_are_never_addresses(tmp_path):
    folder = write_folder(tmp_path / 'export', 1)
    picture = (folder / 'liver/000.png').read_bytes()
    names = ['x::file:', 'a?b#c', 'y' * 300 + '.png', '%2e%2e', 'a*[b]', 'new\nline', '@x']
    (tmp_path / 'none').mkdir()
    with in_memory(tmp_path / 'none', 'b') as system:
        for number, name in enumerate(names):
            system.pipe_file(f'/b/{number}/{name}', picture)
        run([Remote('memory://b')], tmp_path / 'out', tmp_path, RULES)
    (lists,) = tmp_path.glob('secret.key.d/*')
    with (lists / 'duplicates.csv').open(newline='') as file:
        read = {row['path'] for row in csv.DictReader(file)}
    assert len(rows(tmp_path / 'out')) == 1
    assert len(read) == len(names) - 1
    assert (lists / 'rejected.csv').read_text() == 'path,reason,detail\n'


def test_review_fetches_again(tmp_path):
    folder = write_folder(tmp_path / 'export', 2)
    cv2.imwrite(str(folder / 'liver/blank.png'), np.zeros((64, 64), np.uint8))
    with in_memory(folder, 'bucket/export'):
        run([Remote('memory://bucket/export')], tmp_path / 'out', tmp_path, RULES)
        sheets = write_sheets(tmp_path / 'out', tmp_path / 'secret.key')
    assert [path.name for path in sheets if path.name.startswith('rejected')]


def test_two_sources_share_no_files(tmp_path):
    with in_memory(write_folder(tmp_path / 'a', 1), 'b/c'):
        with pytest.raises(SourceError, match=r'memory://b and memory://b/c share files'):
            check_sources([Remote('memory://b/c'), Remote('memory://b')], tmp_path / 'out')
        check_sources([Remote('memory://b/c'), tmp_path / 'a'], tmp_path / 'out')


def test_a_store_that_refuses(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError('Access Denied')

    with in_memory(write_folder(tmp_path / 'a', 1), 'b') as system:
        monkeypatch.setattr(type(system), 'info', refuse)
        with pytest.raises(RemoteError, match=r'cannot be read \(PermissionError: Access Denied\)'):
            check_sources([Remote('memory://b')], tmp_path / 'out')


@pytest.mark.parametrize('method', ['isdir', 'info', '__init__'])
def test_an_error_at_the_source_itself_ends_no_run(tmp_path, monkeypatch, method):
    """As a folder that cannot be read; the store's text may hold a signature."""

    def refuse(*_, **__):
        raise RuntimeError('https://host/export?X-Signature=secret')

    with in_memory(write_folder(tmp_path / 'a', 1), 'b') as system:
        monkeypatch.setattr(Remote, 'check', lambda _: None)
        source = Remote('memory://b/liver/000.png' if method == 'info' else 'memory://b')
        if method == '__init__':
            monkeypatch.setattr(Remote, 'open', refuse)
        else:
            monkeypatch.setattr(type(system), method, refuse)
        text = run([source], tmp_path / 'out', tmp_path)
    (lists,) = tmp_path.glob('secret.key.d/*')
    lines = (lists / 'rejected.csv').read_text().splitlines()
    assert lines[1:] == [f'{source.url},unreadable folder,']
    assert 'X-Signature' not in text


def test_what_a_store_says_is_shown_without_signatures(monkeypatch):
    def refuse(_):
        raise PermissionError('no https://host/export?X-Signature=pass1 for you')

    monkeypatch.setattr(Remote, 'open', refuse)
    with pytest.raises(RemoteError, match='no https://host/export') as caught:
        Remote('memory://b').check()
    assert 'pass1' not in str(caught.value)
