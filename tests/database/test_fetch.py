"""Copies of objects: private, whole, within limits, and gone afterwards."""

import fcntl
import os
import signal
import stat
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from fsspec.spec import AbstractBufferedFile

from support.hostile_store import HostileStore, hostile_store, in_memory
from support.made_up import key_file, rows, run, speckle, write_folder
from usfm_mm.database import fetch
from usfm_mm.database.fetch import at_hand, remove_left_copies
from usfm_mm.database.listing import walk
from usfm_mm.database.remote import Remote
from usfm_mm.database.store import OutputError
from usfm_mm.database.types import CHANGED, TOO_LARGE, TOO_LONG, VANISHED, RejectedError
from usfm_mm.io.image import encode_png

pytestmark = pytest.mark.usefixtures('no_text_search', 'own_temporary_folder')

PICTURE = encode_png(speckle(1, 128, 128))
HOSTILE = {
    'too-large.dcm': (TOO_LARGE, '5,000 MB in object storage'),
    'too-large.png': (TOO_LARGE, 'an image file of 600 MB'),
    'longer.png': (CHANGED, ''),
    'shorter.png': (CHANGED, ''),
    'endless.png': (CHANGED, ''),
    'replaced.png': (CHANGED, ''),
    'vanishing.png': (VANISHED, ''),
    'forbidden.png': ('unreadable', 'object storage: PermissionError'),
    'other-error.png': ('unreadable', 'object storage: RuntimeError'),
    'stalls.png': (TOO_LONG, 'nothing came for 0.2 s'),
    'stalls-when-told.png': (TOO_LONG, 'nothing came for 0.2 s'),
    'stalls-when-opened.png': (TOO_LONG, 'nothing came for 0.2 s'),
    'notes.txt': ('not an image', 'its content is of no kind that is read'),
    'empty.png': ('empty file', ''),
}


@pytest.fixture
def own_temporary_folder(tmp_path, monkeypatch):
    (tmp_path / 'temporary').mkdir()
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path / 'temporary'))


def copies():
    return [path for path in Path(tempfile.gettempdir()).rglob('*') if path.is_file()]


def objects():
    content = dict.fromkeys(HOSTILE, PICTURE)
    content |= {'notes.txt': b'no picture', 'empty.png': b''}
    content = {f'bucket/{name}': value for name, value in content.items()}
    return content | {
        'bucket/good.png': encode_png(speckle(2)),
        'bucket/names-itself/good.png': encode_png(speckle(3)),
        'bucket/closed/x.png': PICTURE,
        'bucket/outside/x.png': PICTURE,
        'bucket/without-end/x.png': PICTURE,
    }


def test_a_hostile_store(tmp_path, monkeypatch):
    """Each object has a true reason, and the rest is done."""
    monkeypatch.setattr(fetch, '_PATIENCE', 0.2)
    with hostile_store(objects()) as store:
        run([Remote('hostile://bucket')], tmp_path / 'out', tmp_path)
        opened = set(store.opened)
    (lists,) = tmp_path.glob('secret.key.d/*')
    lines = (lists / 'rejected.csv').read_text().splitlines()[1:]
    for name, (reason, detail) in HOSTILE.items():
        (line,) = (line for line in lines if f'/{name},' in line)
        assert line.replace('"', '') == f'hostile://bucket/{name},{reason},{detail}'
    others = [line for line in lines if not any(f'/{name},' in line for name in HOSTILE)]
    assert len(others) == 2  # closed; without-end, at the hundredth folder
    assert all(line.endswith('unreadable folder,') for line in others)
    assert len(rows(tmp_path / 'out')) == 2
    assert 'too-large.dcm' not in opened
    assert 'good.png' in opened
    assert copies() == []
    assert b'Miller' not in b''.join(path.read_bytes() for path in lists.iterdir())


def test_no_size_and_no_end(tmp_path, monkeypatch):
    monkeypatch.setattr(fetch, 'MAX_BYTES', 20_000_000)
    monkeypatch.setattr(fetch, '_kind', lambda copy, size: None)
    with hostile_store({'bucket/without-size-or-end.dcm': PICTURE}):
        run([Remote('hostile://bucket')], tmp_path / 'out', tmp_path)
    (lists,) = tmp_path.glob('secret.key.d/*')
    line = (lists / 'rejected.csv').read_text().splitlines()[1]
    assert line.endswith('too large,"more than 20 MB, without an end"')


def test_what_is_no_picture_is_not_fetched_whole(tmp_path):
    sizes = []

    class Counting(HostileStore):
        def _open(self, path, mode='rb', **kwargs):
            file = super()._open(path, mode, **kwargs)
            if mode != 'rb':
                return file
            read, file.read = file.read, lambda count: (sizes.append(count), read(count))[1]
            return file

    with hostile_store({'bucket/archive': b'PK' + bytes(10_000_000)}) as store:
        store.__class__ = Counting
        try:
            with pytest.raises(ValueError, match='not an image'), at_hand(*one_file()):
                pass
        finally:
            store.__class__ = HostileStore
    assert sum(sizes) == 65536


class Ranged(AbstractBufferedFile):
    """A file as stores give it, in parts."""

    fetched: list[tuple[int, int]] = []

    def _fetch_range(self, start, end):
        self.fetched.append((start, min(end, self.size)))  # as stores cut it
        return self.fs.store[self.path].getvalue()[start:end]


@pytest.mark.parametrize(
    ('head', 'size', 'parts'),
    [
        (b'PK', 20_000_000, [(0, 65_536)]),
        (PICTURE[:8], 9_000_000, [(0, 65_536), (65_536, 65_536 + (8 << 20))]),
    ],
)
def test_no_more_is_fetched_than_is_read(tmp_path, monkeypatch, head, size, parts):
    """Stores' own files read ahead, by blocks of 5 to 50 MB."""
    monkeypatch.setattr(Ranged, 'fetched', [])
    with hostile_store({'bucket/a': head + bytes(size - len(head))}):
        place = one_file()
        monkeypatch.setattr(
            HostileStore, '_open', lambda self, path, mode, **how: Ranged(self, path, mode, **how)
        )
        with suppress(RejectedError), at_hand(*place) as path:
            assert path.stat().st_size == size
            parts = [*parts, (parts[-1][1], size)]
    assert Ranged.fetched == parts


def one_file():
    (file,) = walk([Remote('hostile://bucket')])
    return file.path, file.name


def test_the_copy_is_private_and_goes(tmp_path):
    with hostile_store({'bucket/a.png': PICTURE}):
        with at_hand(*one_file()) as path:
            assert path.read_bytes() == PICTURE
            for folder in (path.parent, path.parent.parent):
                assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            remove_left_copies()  # of another run: this one is in use
            assert path.exists()
        assert not path.parent.exists()
        with pytest.raises(RuntimeError), at_hand(*one_file()) as path:
            raise RuntimeError
        assert not path.parent.exists()


KILLED = """
import os, signal, sys
from support.hostile_store import hostile_store
from usfm_mm.database.fetch import at_hand
with hostile_store({'bucket/a.png': b'\\x89PNG\\r\\n\\x1a\\n'}):
    with at_hand('hostile://bucket/a.png', 'bucket/a.png') as path:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_copies_of_a_killed_process_go_at_the_next_start(tmp_path):
    paths = [*sys.path, str(Path(__file__).parents[1])]
    env = os.environ | {'TMPDIR': tempfile.gettempdir(), 'PYTHONPATH': os.pathsep.join(paths)}
    done = subprocess.run([sys.executable, '-c', KILLED], env=env, check=False)
    assert done.returncode == -signal.SIGKILL
    assert [path.name for path in copies()] == ['a.png']
    folder = write_folder(tmp_path / 'local', 1)
    run([folder], tmp_path / 'out', tmp_path)
    assert copies() != []  # a build of folders makes none, and needs no such folder
    with in_memory(folder, 'bucket'):
        run([folder, Remote('memory://bucket')], tmp_path / 'out', tmp_path)
    assert copies() == []


def test_folders_of_others_are_refused(tmp_path):
    parent = Path(tempfile.gettempdir()) / f'usfm-sources-{os.getuid()}'
    parent.mkdir(mode=0o755)
    parent.chmod(0o755)
    with pytest.raises(OutputError, match='others may look into .* set TMPDIR'):
        remove_left_copies()
    folder = write_folder(tmp_path / 'local', 1)
    run([folder], tmp_path / 'out', tmp_path)  # no copy would lie there
    assert len(rows(tmp_path / 'out')) == 1
    with in_memory(folder, 'b'), pytest.raises(OutputError, match='others may look into'):
        run([Remote('memory://b')], tmp_path / 'out', tmp_path)
    parent.rmdir()
    parent.symlink_to(tmp_path)
    with pytest.raises(OutputError, match='others may look into'):
        remove_left_copies()


def test_a_full_disk_ends_the_run(tmp_path, monkeypatch):
    """As at a full output: nothing is the file's fault."""

    def full(*_):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(fetch.Path, 'open', full)
    with hostile_store({'bucket/a.png': PICTURE}):
        place = one_file()
        with pytest.raises(OutputError, match='usfm-sources.*No space left'), at_hand(*place):
            pass


def test_a_lock_is_that_of_its_process(tmp_path):
    remove_left_copies()
    parent = Path(tempfile.gettempdir()) / f'usfm-sources-{os.getuid()}'
    for name in ('left', 'in_use'):
        (parent / name).mkdir()
        (parent / name / 'a.dcm').touch()
    handle = os.open(parent / 'in_use', os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    remove_left_copies()
    assert [path.name for path in parent.iterdir()] == ['in_use']
    os.close(handle)
    remove_left_copies()
    assert list(parent.iterdir()) == []


def test_a_path_of_this_machine_is_the_file_itself(tmp_path):
    key = key_file(tmp_path)
    with at_hand(str(key), 'x/secret.key') as path:
        assert path == key
    assert copies() == []
