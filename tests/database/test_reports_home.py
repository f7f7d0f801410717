"""Nothing that the builder imports reports home or writes beside the database."""

import ast
import os
import re
import shutil
import subprocess
import sys

import cv2
import pytest

from support.audit import WATCH
from support.made_up import key_file, speckle, write_dicom, write_folder

SEARCH = """
import cv2, numpy as np, os
from usfm_mm.database.screen.text import find_text
image = np.zeros((200, 400), np.uint8)
cv2.putText(image, 'MILLER', (40, 100), cv2.FONT_HERSHEY_SIMPLEX, 1.5, 255, 3)
assert find_text(image)
"""


def search(tmp_path, *before):
    """Search for text in a process that has a home, a cache and a temporary folder of its own."""
    folders = {name: tmp_path / name for name in ('HOME', 'XDG_CACHE_HOME', 'TMPDIR')}
    for folder in folders.values():
        folder.mkdir()
    env = {name: value for name, value in os.environ.items() if name != 'ORT_DISABLE_TELEMETRY'}
    env |= {name: str(folder) for name, folder in folders.items()}
    subprocess.run([*before, sys.executable, '-c', SEARCH], env=env, check=True, cwd=tmp_path)
    return sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob('*') if path.is_file())


def test_search_for_text_writes_no_file(tmp_path):
    assert search(tmp_path) == []


def test_search_for_text_asks_no_network(tmp_path):
    strace = shutil.which('strace')
    if not strace or subprocess.run([strace, '-o', '/dev/null', 'true'], check=False).returncode:
        pytest.skip('strace is not installed, or may not trace here')
    log = tmp_path.with_name('trace')
    search(tmp_path, strace, '-f', '-e', 'trace=network', '-o', log)
    assert re.findall(r'.*AF_INET.*', log.read_text()) == []


WRITES = ('open', 'os.mkdir', 'os.rename', 'os.link', 'os.symlink', 'sqlite3.connect')
NETWORK = ('socket.connect', 'socket.getaddrinfo', 'socket.gethostbyname', 'socket.sendto')


@pytest.fixture(scope='module')
def watched(tmp_path_factory):
    """A build by the command, of every kind of file, with two workers, each noting what it does."""
    root = tmp_path_factory.mktemp('watched')
    source = write_folder(root / 'source', 2)
    write_dicom(source / 'a.dcm', speckle(5), ManufacturerModelName='EPIQ 7', PatientID='1')
    cv2.imwrite(str(source / 'a.tif'), speckle(6))
    video = cv2.VideoWriter(str(source / 'a.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 5, (96, 96))
    for seed in range(4):
        video.write(cv2.cvtColor(speckle(seed, 96, 96), cv2.COLOR_GRAY2BGR))
    video.release()
    header = 'NDims = 3\nDimSize = 96 96 2\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n'
    (source / 'a.mha').write_bytes(header.encode() + speckle(9, 192, 96).tobytes())
    (root / 'site').mkdir()
    (root / 'site/sitecustomize.py').write_text(WATCH)
    folders = {
        name: root / name for name in ('HOME', 'XDG_CACHE_HOME', 'XDG_CONFIG_HOME', 'TMPDIR')
    }
    for folder in folders.values():
        folder.mkdir()
    unset = ('ORT_DISABLE_TELEMETRY', 'MPLCONFIGDIR')
    env = {name: value for name, value in os.environ.items() if name not in unset}
    env |= {name: str(folder) for name, folder in folders.items()}
    env |= {
        'AUDIT_LOG': str(root / 'audit'),
        'PYTHONPATH': os.pathsep.join([str(root / 'site'), *filter(None, sys.path)]),
    }
    command = ['-m', 'usfm_mm', 'build-database', source, root / 'out', '--workers', '2']
    command += ['--key-file', key_file(root)]
    subprocess.run([sys.executable, *command], env=env, check=True, cwd=folders['HOME'])
    return root


def events(root):
    return [ast.literal_eval(line) for line in (root / 'audit').read_text().splitlines()]


def test_a_build_asks_no_network(watched):
    assert [event for event in events(watched) if event[0] in NETWORK] == []


def test_a_build_writes_to_output_journal_and_temporary_folder_alone(watched):
    noted = events(watched)
    # the hook sees the workers too
    assert any(event[0] == 'os.rename' and event[2].endswith('.png') for event in noted)
    allowed = [str(watched / name) for name in ('out', 'secret.key.d', 'TMPDIR')]
    allowed += ['/dev/null', '/dev/shm', os.devnull]
    written = {path for event in noted if event[0] in WRITES for path in event[1:2]}
    strange = {
        path
        for path in written
        if not path.isdecimal() and not path.startswith(tuple(allowed)) and path != ':memory:'
    }
    assert strange == set()
    # nor does what is not written in Python leave a file
    left = {path.relative_to(watched).parts[0] for path in watched.rglob('*') if path.is_file()}
    assert left == {'source', 'site', 'audit', 'out', 'secret.key', 'secret.key.d'}
