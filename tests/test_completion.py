"""What the shell is offered, asked as argcomplete's bash function asks."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ('line', 'offered'),
    [
        ('usfm prep', {'prepare'}),
        ('usfm build-database --max-ham', {'--max-hamming'}),
        ('usfm train usfm/pretrain_de', {'usfm/pretrain_demo'}),
        ('usfm test usfm/seg_custom_upernet a.pth --arc', {'--arch'}),
        ('usfm convert a.pth b.pth --to be', {'beit'}),
    ],
)
def test_offers(line, offered, tmp_path, project_root):
    answer = tmp_path / 'answer'
    shell = {
        '_ARGCOMPLETE': '1',
        '_ARGCOMPLETE_STDOUT_FILENAME': str(answer),
        '_ARGCOMPLETE_IFS': '\n',
        'COMP_LINE': line,
        'COMP_POINT': str(len(line)),
        'PYTHONPATH': str(project_root),
    }
    subprocess.run([sys.executable, '-m', 'usfm_mm'], env={**os.environ, **shell}, cwd=tmp_path)
    assert {word.strip() for word in answer.read_text().split('\n')} == offered
