"""The console script, and how every command ends."""

import errno
import subprocess
import sys
import types
from pathlib import Path

import pytest

from usfm_mm.__main__ import COMMANDS, main, run

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(module for module, _ in COMMANDS.values())
HEAVY = {'torch', 'mmengine', 'mmcv', 'matplotlib', 'scipy', 'sklearn'}


def test_every_command_is_listed_and_has_a_tool(capsys):
    main(['--help'])
    shown = capsys.readouterr().out
    assert {p.stem for p in (ROOT / 'usfm_mm' / 'commands').glob('[a-z]*.py')} == {*MODULES}
    assert {path.stem for path in (ROOT / 'tools').glob('*.py')} == {*MODULES}
    assert all(f'  {name} ' in shown for name in COMMANDS)


def test_an_unknown_command_is_named(capsys):
    with pytest.raises(SystemExit, match='2'):
        main(['trian'])
    assert "no command 'trian'" in capsys.readouterr().err


@pytest.mark.parametrize('command', [['-m', 'usfm_mm', 'index'], ['tools/make_index.py']])
def test_a_command_gets_its_arguments(command, tmp_path):
    done = subprocess.run(
        [sys.executable, *command, str(tmp_path / 'nothing')],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines() == [f'error: {tmp_path / "nothing"} is not a folder']


@pytest.mark.parametrize('module', MODULES)
def test_help_imports_nothing_heavy(module):
    program = f"""
import sys
from usfm_mm.__main__ import run
try:
    run({module!r}, ['--help'])
except SystemExit as ended:
    assert not ended.code
heavy = {HEAVY!r} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith('usage:')


@pytest.mark.parametrize(
    ('error', 'status', 'shown'),
    [
        (ValueError('a.png: broken'), 1, 'error: a.png: broken\n'),
        (KeyError('no data_root'), 1, 'error: no data_root\n'),
        (ModuleNotFoundError('x needs y'), 1, 'error: x needs y\n'),
        (
            ModuleNotFoundError("No module named 'torch'", name='torch'),
            1,
            "error: torch is not installed; pip install 'usfm-mm[train]' adds it, "
            'and "usfm doctor" says what else is missing\n',
        ),
        (
            FileNotFoundError(errno.ENOENT, 'No such file or directory', 'a.csv'),
            1,
            'error: a.csv: No such file or directory: check the path\n',
        ),
        (
            OSError(errno.ENOSPC, 'No space left on device', 'a.png'),
            1,
            'error: a.png: No space left on device: make room, then run the same command again\n',
        ),
        (
            OSError(errno.ENOSPC, 'No space left on device'),
            1,
            'error: No space left on device: make room, then run the same command again\n',
        ),
        (OSError('a.png is odd'), 1, 'error: a.png is odd\n'),
        (KeyboardInterrupt(), 130, ''),
        (
            RuntimeError('odd'),
            1,
            'error: odd\n(RuntimeError, not foreseen: --debug shows where it arose)\n',
        ),
    ],
)
def test_a_mistake_ends_in_one_line(error, status, shown, monkeypatch, capsys):
    def fail(argv):
        raise error

    module = types.SimpleNamespace(main=fail)
    monkeypatch.setitem(sys.modules, 'usfm_mm.commands.failing', module)
    with pytest.raises(SystemExit) as ended:
        run('failing', [])
    assert ended.value.code == status
    assert capsys.readouterr().err == shown
    with pytest.raises(type(error) if status == 1 else SystemExit):
        run('failing', ['--debug'])
