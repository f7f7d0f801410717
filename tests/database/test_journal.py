"""The journal."""

from collections import Counter

import pytest

from usfm_mm.database.journal import Journal
from usfm_mm.database.listing import SourceFile
from usfm_mm.database.records import FileRecord, ImageRecord


def record(id, stamp='1', images=1, **counts):
    image = ImageRecord(0, b'n' * 16, b'p' * 32, 'liver', None, None, None, None, 1.0, 2.0)
    file = SourceFile(f'/path/{id}', str(id), stamp, 1)
    return FileRecord(file, bytes([id]), images=[image] * images, **counts)


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / 'journal.sqlite') as opened:
        yield opened


def test_done_is_what_was_read_as_it_is_now(journal):
    journal.add([record(1), record(2, stamp='')], 0)
    assert journal.known(b'\1')[:2] == ('1', '')
    assert journal.known(b'\2')[0] == ''
    assert journal.known(b'\3') is None


def test_a_file_is_replaced_as_a_whole(journal):
    journal.add([record(1, images=3), record(2)], 0)
    journal.add([record(1, stamp='2', images=1)], 1)
    assert journal.count('images') == 2
    assert journal.count('files') == 2
    journal.forget(b'\1')
    assert journal.count('images') == journal.count('files') == 1


def test_a_chunk_is_stored_as_a_whole(journal):
    broken = record(2)
    broken.images[0].organ = None
    with pytest.raises(Exception, match='NOT NULL'):
        journal.add([record(1), broken], 0)
    assert journal.count('files') == journal.count('images') == 0
    journal.add([record(1)], 0)
    assert journal.count('files') == 1


def test_tallies_add_up(journal):
    a = record(1, frames=Counter(blank=2), removed=Counter(text=1))
    b = record(2, frames=Counter(blank=2), removed=Counter(text=1))
    c = record(3, fields=Counter(PatientName=1))
    journal.add([a, b, c], 0)
    assert journal.tallies() == {
        'doubts': Counter(),
        'fields': {'PatientName': 1},
        'frames': {'blank': 4},
        'outlines': Counter(),
        'removed': {'text': 2},
    }


def test_settings_last(tmp_path):
    path = tmp_path / 'journal.sqlite'
    with Journal(path) as journal:
        assert journal.settings() is None
        journal.save_settings({'size': 1})
        journal.save_settings({'size': 2})
        journal.next_generation()
        journal.exclude_like([b'x' * 32, b'x' * 32])
    with Journal(path) as journal:
        assert journal.settings() == {'size': 2}
        assert journal.generation == 1
        assert journal.count('held_out') == 1
