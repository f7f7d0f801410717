"""What later runs find changed: sources, rules, the output, the journal."""

import os
import sqlite3
from contextlib import closing

import cv2
import lmdb
import numpy as np
import pytest

from support.made_up import RULES, content, holds, rows, run, speckle, write_folder, write_image
from usfm_mm.database import chunk
from usfm_mm.database.extract import extract
from usfm_mm.database.journal_file import JournalError
from usfm_mm.database.options import Settings
from usfm_mm.database.places import default_journal_folder
from usfm_mm.io.image import encode_png
from usfm_mm.io.packed import PACKED_NAME

pytestmark = pytest.mark.usefixtures('no_text_search')


@pytest.fixture
def twins(tmp_path):
    """An image and its brighter copy, whose organ is not known and which therefore goes."""
    source = tmp_path / 'source'
    kept = write_image(source / 'liver/0.png', 0)
    (source / 'copies').mkdir()
    bright = cv2.convertScaleAbs(speckle(0), alpha=1.1, beta=4)
    (source / 'copies/0.png').write_bytes(encode_png(bright))
    write_image(source / 'liver/1.png', 1)
    return source, kept


def assert_complete(out, count, packed=False):
    found = rows(out)
    assert len(found) == count
    if packed:
        with (
            lmdb.open(str(out / PACKED_NAME), subdir=False, readonly=True) as env,
            env.begin() as transaction,
        ):
            keys = {key.decode() for key in transaction.cursor().iternext(values=False)}
        assert keys == {row['path'] for row in found}
    else:
        files = {name for name in content(out) if name.endswith('.png')}
        assert files == {row['path'] for row in found}


def touch(path):
    later = path.stat().st_mtime_ns + 10**9
    os.utime(path, ns=(later, later))


@pytest.mark.parametrize('packed', [False, True])
def test_reading_again_does_not_bring_back_a_copy(twins, tmp_path, packed):
    source, kept = twins
    out, settings = tmp_path / 'out', Settings(packed=packed)
    run([source], out, tmp_path, settings=settings)
    before = [row['path'] for row in rows(out)]
    touch(kept)
    run([source], out, tmp_path, settings=settings)
    assert [row['path'] for row in rows(out)] == before
    assert_complete(out, 2, packed)


@pytest.mark.parametrize('packed', [False, True])
def test_a_copy_comes_back_when_its_original_changes(twins, tmp_path, packed):
    source, kept = twins
    out, settings = tmp_path / 'out', Settings(packed=packed)
    run([source], out, tmp_path, settings=settings)
    write_image(kept, 7)
    touch(kept)
    assert '1 images are missing' in run([source], out, tmp_path, settings=settings)
    assert_complete(out, 3, packed)


def test_a_copy_that_is_not_in_the_sources_any_more_stays_away(twins, tmp_path):
    source, kept = twins
    out = tmp_path / 'out'
    run([source], out, tmp_path)
    (source / 'copies/0.png').unlink()
    write_image(kept, 7)
    touch(kept)
    run([source], out, tmp_path)
    assert_complete(out, 2)


def test_an_output_that_was_deleted_is_made_anew(tmp_path):
    source, out = write_folder(tmp_path / 'source', 5), tmp_path / 'out'
    run([source], out, tmp_path)
    before = content(out)
    for path in sorted(out.rglob('*.png')):
        path.unlink()
    run([source], out, tmp_path)
    assert {n: d for n, d in content(out).items() if n.endswith('.png')} == {
        n: d for n, d in before.items() if n.endswith('.png')
    }


@pytest.mark.parametrize('packed', [False, True])
def test_a_rule_takes_out_what_is_in_the_database(tmp_path, packed):
    source, out = write_folder(tmp_path / 'source', 6), tmp_path / 'out'
    settings = Settings(packed=packed)
    run([source], out, tmp_path, settings=settings)
    assert holds(out, 3)
    run([source], out, tmp_path, rules=RULES + "exclude: ['003']\n", settings=settings)
    assert_complete(out, 5, packed)
    assert not holds(out, 3)
    run([source], out, tmp_path, settings=settings)
    assert_complete(out, 6, packed)


def test_a_fault_that_passes_is_not_for_ever(tmp_path, monkeypatch):
    source, out = write_folder(tmp_path / 'source', 3), tmp_path / 'out'

    def fails(path, *_):
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(chunk, 'extract', fails)
        assert '3 files left out: reader failed' in run([source], out, tmp_path)
    run([source], out, tmp_path)
    assert_complete(out, 3)


def test_a_missing_package_stops_the_run(tmp_path, monkeypatch):
    source, out = write_folder(tmp_path / 'source', 3), tmp_path / 'out'

    def fails(path, *_):
        raise ImportError('needs PACKAGE')

    with monkeypatch.context() as patch:
        patch.setattr(chunk, 'extract', fails)
        with pytest.raises(ImportError, match='needs PACKAGE'):
            run([source], out, tmp_path)
    run([source], out, tmp_path)
    assert_complete(out, 3)


def test_the_journal_of_another_database_is_refused(tmp_path):
    first, other = tmp_path / 'first', tmp_path / 'other'
    run([write_folder(tmp_path / 'a', 4)], first, tmp_path)
    run([write_folder(tmp_path / 'b', 4, start=10)], other, tmp_path)
    before = content(first)
    journal = default_journal_folder(tmp_path / 'secret.key', other)
    with pytest.raises(JournalError, match='journal of another database'):
        run([tmp_path / 'a'], first, tmp_path, journal_folder=journal)
    assert content(first) == before


def test_a_journal_that_others_can_read_is_refused(tmp_path):
    source = write_folder(tmp_path / 'source', 2)
    journal = tmp_path / 'open'
    journal.mkdir(mode=0o755)
    with pytest.raises(JournalError, match=f'chmod 700 {journal}'):
        run([source], tmp_path / 'out', tmp_path, journal_folder=journal)
    assert np.array_equal(list(journal.iterdir()), [])


def test_a_journal_with_the_names_of_before_is_opened(tmp_path):
    source, out = write_folder(tmp_path / 'source', 3), tmp_path / 'out'
    run([source], out, tmp_path)
    path = default_journal_folder(tmp_path / 'secret.key', out) / 'journal.sqlite'
    with closing(sqlite3.connect(path)) as journal, journal:
        (text,) = journal.execute("SELECT value FROM settings WHERE name = 'settings'").fetchone()
        assert '"max_hamming": 16' in text
        old = text.replace('"max_hamming"', '"near"')
        journal.execute("UPDATE settings SET value = ? WHERE name = 'settings'", (old,))
    about = out / 'database.json'
    about.write_text(about.read_text().replace('"max_hamming"', '"near"'))
    run([source, write_folder(tmp_path / 'more', 2, start=10)], out, tmp_path)
    assert_complete(out, 5)
    with pytest.raises(JournalError, match='max_hamming is 8, but .* begun with 16'):
        run([source], out, tmp_path, settings=Settings(max_hamming=8))


@pytest.mark.parametrize('linked', ['file', 'folder'])
def test_a_link_does_not_let_in_what_is_excluded(tmp_path, linked):
    """Under another name, in a source's folder or as the source itself."""
    hidden = write_image(tmp_path / 'private/masks/1.png', 1)
    source = write_folder(tmp_path / 'source', 3)
    if linked == 'file':
        (source / 'liver/other.png').symlink_to(hidden)
        sources = [source]
    else:
        (tmp_path / 'other').symlink_to(hidden.parent)
        sources = [source, tmp_path / 'other']
    rules = RULES + "exclude: ['^masks/']\n"
    text = run(sources, tmp_path / 'out', tmp_path, rules=rules)
    assert '1 files left out: excluded by rule' in text
    assert_complete(tmp_path / 'out', 3)
    # neither is it read again in each run
    assert ' 0/0 ' in run(sources, tmp_path / 'out', tmp_path, rules=rules)


def test_a_file_that_is_replaced_while_it_is_read(tmp_path, monkeypatch):
    """Text was looked for in what it held at first."""
    source, out = write_folder(tmp_path / 'source', 3), tmp_path / 'out'

    def replacing(path, *options):
        extraction = extract(path, *options)
        if path.name == '001.png':
            write_image(path, 99)
        return extraction

    with monkeypatch.context() as patch:
        patch.setattr(chunk, 'extract', replacing)
        assert '1 files left out: changed while it was read' in run([source], out, tmp_path)
    assert_complete(out, 2)
    run([source], out, tmp_path)
    assert_complete(out, 3)


def test_a_journal_inside_a_source_is_refused(tmp_path):
    source = write_folder(tmp_path / 'source', 2)
    with pytest.raises(JournalError, match='outside of the source'):
        run([source], tmp_path / 'out', tmp_path, journal_folder=source / 'journal')


def test_hashes_of_another_kind_are_not_compared(tmp_path):
    """Those of a database begun before are others: new copies would not be found."""
    source = write_folder(tmp_path / 'source', 3)
    run([source], tmp_path / 'out', tmp_path)
    (journal,) = tmp_path.glob('secret.key.d/*/journal.sqlite')
    with closing(sqlite3.connect(journal)) as db, db:
        db.execute(
            "UPDATE settings SET value = json_remove(value, '$.hashes') WHERE name = 'settings'"
        )
    with pytest.raises(JournalError, match='build anew'):
        run([source], tmp_path / 'out', tmp_path)
