"""Nothing that the builder imports reports home or writes beside the database."""

import os
import re
import shutil
import subprocess
import sys

import pytest

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
