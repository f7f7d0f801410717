"""The page as its visitors meet it: the command in a process that is watched, and a browser."""

import ast
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager

import pytest

from support.audit import WATCH

REQUIRED = 'USFM_PAGE_TEST'  # with this set, a missing browser is a failure
FLAGS = (
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
)


def missing(what):
    """Skip, or fail where the page's test is what was asked for."""
    if os.environ.get(REQUIRED):
        pytest.fail(f'{what} is not installed')
    pytest.skip(f'{what} is not installed')


@contextmanager
def browser():
    """Debian's Chromium without a window, with a fresh profile."""
    chromium = shutil.which('chromium') or missing('Chromium')
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        missing('playwright')
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield started
        started.close()


class Server:
    """``usfm serve`` in a process with a home, a cache and a temporary folder of its own."""

    def __init__(self, root, *arguments):
        self.root = root
        (root / 'site').mkdir()
        (root / 'site/sitecustomize.py').write_text(WATCH)
        names = ('HOME', 'XDG_CACHE_HOME', 'XDG_CONFIG_HOME', 'TMPDIR')
        for name in names:
            (root / name).mkdir()
        unset = ('MPLCONFIGDIR', 'ORT_DISABLE_TELEMETRY', 'GRADIO_TEMP_DIR')
        unset += ('TORCHINDUCTOR_CACHE_DIR',)  # torch sets it here to our own temporary folder
        env = {name: value for name, value in os.environ.items() if name not in unset}
        env |= {name: str(root / name) for name in names}
        env['AUDIT_LOG'] = str(root / 'audit')
        env['PYTHONPATH'] = os.pathsep.join([str(root / 'site'), *filter(None, sys.path)])
        self.process = subprocess.Popen(
            [sys.executable, '-m', 'usfm_mm', 'serve', '--port', '0', *map(str, arguments)],
            env=env,
            cwd=root / 'HOME',
            stdout=subprocess.PIPE,
            stderr=(root / 'stderr').open('w'),
            text=True,
        )
        lines = iter(self.process.stdout.readline, '')  # mmagic's import says something first
        line = next((line for line in lines if line.startswith('http://127.0.0.1:')), None)
        assert line, (root / 'stderr').read_text()
        self.url = line.split()[0]
        # Torch and the hosts leave something of their own at their import.
        self.before = set(self._all_files())

    def files(self):
        """What came since it waits for visitors, but for matplotlib's list of fonts."""
        new = set(self._all_files()) - self.before
        return sorted(path for path in new if 'fontlist' not in path.name)

    def _all_files(self):
        return [path for path in self.root.rglob('*') if path.is_file()]

    def events(self):
        """What it did, as the audit events of Python."""
        return [ast.literal_eval(line) for line in (self.root / 'audit').read_text().splitlines()]

    def stop(self):
        """End it as Ctrl+C does not: by the signal of a system that shuts down."""
        self.process.terminate()
        return self.process.wait(30)
