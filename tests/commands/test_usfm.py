"""The console script."""

import subprocess
import sys
from pathlib import Path

import pytest

from usfm_mm.__main__ import COMMANDS, main

ROOT = Path(__file__).resolve().parents[2]


def test_every_command_is_listed_and_has_a_tool(capsys):
    main(['--help'])
    shown = capsys.readouterr().out
    modules = {path.stem for path in (ROOT / 'usfm_mm' / 'commands').glob('[a-z]*.py')}
    assert {module for module, _ in COMMANDS.values()} == modules
    assert {path.stem for path in (ROOT / 'tools').glob('*.py')} == modules
    assert all(f'  {name} ' in shown for name in COMMANDS)


def test_an_unknown_command_is_named(capsys):
    with pytest.raises(SystemExit, match='2'):
        main(['trian'])
    assert "no command 'trian'" in capsys.readouterr().err


@pytest.mark.parametrize('name', ['index', 'make_index'])
def test_a_command_gets_its_arguments(name, tmp_path):
    done = subprocess.run(
        [sys.executable, '-m', 'usfm_mm', name, str(tmp_path / 'nothing')],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 1
    assert 'nothing is not a folder' in done.stderr.splitlines()[-1]


def test_help_imports_no_host():
    program = (
        'import sys; from usfm_mm.__main__ import main; main(["--help"]);'
        'assert not {"torch", "mmengine", "cv2", "numpy"} & set(sys.modules)'
    )
    subprocess.run([sys.executable, '-c', program], check=True, cwd=ROOT)
