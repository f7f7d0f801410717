"""Two builders on one output: one of them gets it, and neither destroys what the other made."""

import threading

import pytest

from support.made_up import KEY, content, key_file, rows, run, write_folder
from usfm_mm.database import build
from usfm_mm.database.claim import CLAIM_NAME, claim
from usfm_mm.database.journal_file import JournalError
from usfm_mm.database.options import Settings

pytestmark = pytest.mark.usefixtures('no_text_search')

OTHER_KEY = KEY[4:] + KEY[:4]


def stop(*_, **__):
    raise KeyboardInterrupt


def stopped(monkeypatch, step, *args, **options):
    """A run that is stopped before one of its steps."""
    with monkeypatch.context() as patch:
        patch.setattr(build, step, stop)
        with pytest.raises(KeyboardInterrupt):
            run(*args, **options)


@pytest.mark.parametrize('packed', [False, True])
def test_another_key_does_not_take_over_what_was_begun(tmp_path, monkeypatch, packed):
    source, out = write_folder(tmp_path / 'source', 6), tmp_path / 'out'
    (tmp_path / 'b').mkdir()
    settings = Settings(packed=packed)
    other = {'key': key_file(tmp_path / 'b', OTHER_KEY), 'settings': settings}
    # both have seen an empty folder, as two do that start at the same moment
    stopped(monkeypatch, 'check_same', [source], out, tmp_path / 'b', **other)
    (out / CLAIM_NAME).unlink()
    stopped(monkeypatch, 'publish', [source], out, tmp_path / 'a', settings=settings)
    before = content(out)
    with pytest.raises(JournalError, match='being built with another key or journal: wait'):
        run([source], out, tmp_path / 'b', **other)
    assert content(out) == before
    run([source], out, tmp_path / 'a', settings=settings)
    assert len(rows(out)) == 6
    assert not (out / CLAIM_NAME).exists()


def test_of_two_at_the_same_moment_one_builds(tmp_path, monkeypatch):
    source, out = write_folder(tmp_path / 'source', 6), tmp_path / 'out'
    barrier, errors = threading.Barrier(2, timeout=30), []
    make = build.make_journal_folder

    def together(*args):
        make(*args)
        barrier.wait()

    monkeypatch.setattr(build, 'make_journal_folder', together)
    (tmp_path / 'b').mkdir()

    def work(name, **options):
        try:
            run([source], out, tmp_path / name, **options)
        except JournalError as error:
            errors.append(str(error))

    other = {'key': key_file(tmp_path / 'b', OTHER_KEY)}
    threads = [
        threading.Thread(target=work, args='a'),
        threading.Thread(target=work, args='b', kwargs=other),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(errors) == 1
    assert 'being built with another key' in errors[0] or 'is not empty' in errors[0]
    assert len(rows(out)) == len(list(out.rglob('*.png'))) == 6
    assert not (out / CLAIM_NAME).exists()


def test_a_database_that_another_began_and_finished_is_not_taken_over(tmp_path, monkeypatch):
    source, out = write_folder(tmp_path / 'source', 6), tmp_path / 'out'
    (tmp_path / 'b').mkdir()
    other = {'key': key_file(tmp_path / 'b', OTHER_KEY)}
    stopped(monkeypatch, 'claim', [source], out, tmp_path / 'b', **other)
    run([source], out, tmp_path / 'a')
    before = content(out)
    with pytest.raises(JournalError, match='is not empty'):
        run([source], out, tmp_path / 'b', **other)
    assert content(out) == before


def test_a_marker_that_was_just_made_is_waited_for(tmp_path):
    (tmp_path / CLAIM_NAME).touch()
    timer = threading.Timer(0.2, (tmp_path / CLAIM_NAME).write_text, ['mine'])
    timer.start()
    with claim(tmp_path, 'mine') as new:
        assert not new
    assert not (tmp_path / CLAIM_NAME).exists()
