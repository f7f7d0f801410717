"""Every block of every page is run, in its order, in a folder with what its reader has.

``usfm`` is that of :mod:`support.pages.server`, quick and with small settings. ``make docs`` runs
it; all other tests leave it out.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.pages.blocks import PAGES, PYTHON, ROOT, SHELL, blocks_of
from support.pages.readers import furnish
from support.pages.server import CLIENT
from support.pages.server import PYTHON as PYTHON_WRAPPER
from support.pages.shell import bash, python
from support.pages.weights import Weights

BLOCKS = {page: [b for b in blocks_of(page) if b.language in (*SHELL, *PYTHON)] for page in PAGES}
OF_TEST_DROP_IN = 'docs/drop_in.md'


def runnable(page):
    """Blocks that are run here."""
    blocks = [block for block in BLOCKS[page] if not block.not_run]
    if page == OF_TEST_DROP_IN:  # trains and asks these
        blocks = [block for block in blocks if not block.is_config]
    return blocks


@pytest.fixture(scope='session')
def environment(tmp_path_factory):
    """Environment in which ``usfm`` asks the server, which ends with the tests."""
    folder = tmp_path_factory.mktemp('server')
    address = str(folder / 'socket')
    program = folder / 'bin' / 'usfm'
    program.parent.mkdir()
    program.write_text(CLIENT.format(python=sys.executable, address=address))
    wrapper = program.with_name('python')
    wrapper.write_text(PYTHON_WRAPPER.format(python=sys.executable))
    for file in (program, wrapper):
        file.chmod(0o755)
    home = folder / 'home'
    home.mkdir()
    variables = {
        **os.environ,
        'PATH': os.pathsep.join(
            [str(program.parent), str(Path(sys.executable).parent), '/usr/bin:/bin']
        ),
        'PYTHONPATH': os.pathsep.join([str(ROOT), str(ROOT / 'tests')]),
        'HOME': str(home),
        'OMP_NUM_THREADS': '1',
        'CUDA_VISIBLE_DEVICES': '',
        'ORT_DISABLE_TELEMETRY': '1',
        'PYTHONWARNINGS': 'ignore',
        'COLUMNS': '120',
    }
    command = [sys.executable, '-m', 'support.pages.server', address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables) as server:
        line = ''
        while line != 'ready\n':
            line = server.stdout.readline()
            assert line, 'the server did not start'
        yield variables
        server.kill()


@pytest.fixture(scope='session')
def weights(tmp_path_factory, environment):
    return Weights(tmp_path_factory.mktemp('weights'), environment)


@pytest.mark.docs
@pytest.mark.parametrize('page', [page for page in PAGES if runnable(page)])
def test_every_block_runs(page, tmp_path, environment, weights):
    furnish(page, tmp_path, weights)
    shells = {}
    try:
        for block in runnable(page):
            start = bash if block.language in SHELL else python
            if start not in shells:
                shells[start] = start(tmp_path, environment)
            try:
                shells[start].run(block.text)
            except ChildProcessError as failed:
                pytest.fail(f'{block}\n{block.text}\n{failed}', pytrace=False)
    finally:
        for shell in shells.values():
            shell.close()


def test_configs_of_the_drop_in_page_are_run_by_its_test():
    from test_drop_in import CONFIGS

    configs = [block.text for block in BLOCKS[OF_TEST_DROP_IN] if block.is_config]
    assert configs == list(CONFIGS.values())
