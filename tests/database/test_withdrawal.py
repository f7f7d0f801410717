"""Patients and images that are to leave a database leave it, and stay away."""

import sqlite3
from contextlib import closing

import cv2
import pytest

from support.made_up import KEY, RULES, content, holds, key_file, rows, run, speckle, write_image
from usfm_mm.commands.remove_images import main
from usfm_mm.database.identity import KeyFileError
from usfm_mm.database.journal_file import JournalError
from usfm_mm.database.options import Settings
from usfm_mm.database.places import default_journal_folder
from usfm_mm.database.removal import remove_images
from usfm_mm.io.image import encode_png

pytestmark = pytest.mark.usefixtures('no_text_search')


@pytest.fixture
def source(tmp_path):
    """Eight images of four patients, two of each."""
    for i in range(8):
        write_image(tmp_path / f'source/liver/p{i // 2}_{i}.png', i)
    return tmp_path / 'source'


def patients(out):
    return sorted(row['patient'] for row in rows(out))


def leaked(out, *seeds):
    """Which of these pictures are in any file?"""
    return [seed for seed in seeds if holds(out, seed)]


@pytest.mark.parametrize('packed', [False, True])
def test_a_source_that_was_renamed_and_then_excluded(source, tmp_path, packed):
    out, settings = tmp_path / 'out', Settings(packed=packed)
    run([source], out, tmp_path, settings=settings)
    assert leaked(out, 2, 3) == [2, 3]
    moved = source.rename(tmp_path / 'archive')
    rules = RULES + "exclude: ['^archive/liver/p1_']\n"
    text = run([moved], out, tmp_path, rules=rules, settings=settings)
    assert '2 images leave: a rule excludes' in text
    assert len(rows(out)) == 6
    assert leaked(out, 2, 3) == []
    assert '2 images leave' not in run([moved], out, tmp_path, rules=rules, settings=settings)


@pytest.mark.parametrize('old_journal', [False, True])
def test_a_source_that_is_gone(source, tmp_path, old_journal):
    """The rule is applied to the paths that were recorded."""
    out = tmp_path / 'out'
    run([source], out, tmp_path)
    source.rename(tmp_path / 'elsewhere')
    if old_journal:
        path = default_journal_folder(tmp_path / 'secret.key', out) / 'journal.sqlite'
        with closing(sqlite3.connect(path)) as journal, journal:
            for column in ('name', 'target'):
                journal.execute(f'ALTER TABLE files DROP COLUMN {column}')
            journal.execute('DROP TABLE withdrawn')
    other = write_image(tmp_path / 'more/liver/p9_0.png', 90)
    rules = RULES + "exclude: ['^source/liver/p1_']\n"
    assert '2 images leave' in run([other.parent], out, tmp_path, rules=rules)
    assert len(rows(out)) == 7
    assert leaked(out, 2, 3, 90) == [90]


def test_a_copy_elsewhere_that_no_rule_excludes_stays(source, tmp_path):
    """One of the same name, size and time, which is still where it was read."""
    out = tmp_path / 'out'
    run([source], out, tmp_path)
    rules = RULES + "exclude: ['^other/']\n"
    other = tmp_path / 'other/p1_2.png'
    other.parent.mkdir()
    other.hardlink_to(source / 'liver/p1_2.png')
    run([source, other.parent], out, tmp_path, rules=rules)
    assert len(rows(out)) == 8


@pytest.mark.parametrize('packed', [False, True])
@pytest.mark.parametrize('kind', ['patient', '_file', 'path'])
def test_removed_for_good(source, tmp_path, capsys, packed, kind):
    out, settings = tmp_path / 'out', Settings(packed=packed)
    # a brighter copy under the name of nobody, which must not take the place of what goes
    bright = cv2.convertScaleAbs(speckle(2), alpha=1.1, beta=4)
    (source / 'copy.png').write_bytes(encode_png(bright))
    run([source], out, tmp_path, settings=settings)
    assert len(rows(out)) == 8
    with closing(sqlite3.connect(journal_of(tmp_path, out))) as journal:
        name, patient, file = journal.execute(
            'SELECT images.name, patient, file FROM images JOIN files ON file = id '
            "WHERE path LIKE '%p1_2.png'"
        ).fetchone()
    code = {'patient': patient, '_file': file.hex(), 'path': f'images/{name.hex()}.png'}[kind]
    main([str(out), code, '--key-file', str(tmp_path / 'secret.key')])
    count = 2 if kind == 'patient' else 1
    assert f'{count} images went from {out}, {8 - count} stay' in capsys.readouterr().out
    for _ in range(2):
        assert len(rows(out)) == 8 - count
        assert leaked(out, 1, 2, 4) == [1, 4]
        if not packed:
            assert len(list(out.rglob('*.png'))) == 8 - count
        text = run([source], out, tmp_path, settings=settings)
        assert f'{count + 1} images kept out that were withdrawn' in text
    # new files of the patient stay out, too
    if kind == 'patient':
        write_image(source / 'liver/p1_77.png', 77)
        run([source], out, tmp_path, settings=settings)
        assert len(rows(out)) == 6
    main([str(out), code, '--key-file', str(tmp_path / 'secret.key')])
    assert '0 images went' in capsys.readouterr().out


def journal_of(folder, out):
    return default_journal_folder(folder / 'secret.key', out) / 'journal.sqlite'


def test_all_of_them(source, tmp_path):
    out = tmp_path / 'out'
    run([source], out, tmp_path)
    codes = sorted(set(patients(out)))
    assert remove_images(out, codes, tmp_path / 'secret.key') == (8, 0)
    assert not (out / 'index.parquet').exists()
    assert list(out.rglob('*.png')) == []


def test_a_killed_removal_is_completed_by_the_next_build(source, tmp_path, monkeypatch):
    from usfm_mm.database import removal

    out = tmp_path / 'out'
    run([source], out, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(removal, 'publish', stop)
        with pytest.raises(KeyboardInterrupt):
            remove_images(out, [patients(out)[0]], tmp_path / 'secret.key')
    run([source], out, tmp_path)
    assert len(rows(out)) == 6


def stop(*_, **__):
    raise KeyboardInterrupt


def test_what_cannot_be_removed_is_an_error_and_changes_nothing(source, tmp_path):
    out, key = tmp_path / 'out', key_file(tmp_path)
    with pytest.raises(ValueError, match='name the folder of a finished database'):
        remove_images(out, ['ab'], key)
    run([source], out, tmp_path)
    before, code = content(out), patients(out)[0]
    for wrong in ('0' * 32, 'liver', 'images/abc.png'):
        with pytest.raises(ValueError, match=f'no image of this database has .* {wrong}'):
            remove_images(out, [code, wrong], key)
    with pytest.raises(KeyFileError, match='--key-file'):
        remove_images(out, [code], None)
    (tmp_path / 'b').mkdir()
    other = key_file(tmp_path / 'b', KEY[4:] + KEY[:4])
    with pytest.raises(JournalError, match='there is no journal'):
        remove_images(out, [code], other)
    with pytest.raises(JournalError, match='the key file has another key'):
        remove_images(out, [code], other, journal_of(tmp_path, out).parent)
    run([source], out, tmp_path)
    assert content(out) == before
