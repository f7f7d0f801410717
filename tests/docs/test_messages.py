"""Messages that the page on troubles quotes are those that the code has."""

import ast
import re
from functools import cache

import pytest

from support.pages.blocks import ROOT

PAGE = (ROOT / 'docs' / 'troubleshooting.md').read_text(encoding='utf-8')
MESSAGES = re.findall(r'^\| `(.+?)` \|', PAGE, re.MULTILINE)


@cache
def texts():
    """Every string of the package, in f-strings with a character for what is filled in."""
    found = []
    for path in (ROOT / 'usfm_mm').rglob('*.py'):
        if '.mim' in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, ast.JoinedStr):
                parts = [
                    part.value if isinstance(part, ast.Constant) else '…' for part in node.values
                ]
                found.append(''.join(parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found


@pytest.mark.parametrize('message', MESSAGES)
def test_a_quoted_message_exists(message):
    parts = [part for part in message.split('…') if len(part.strip()) > 2]
    pattern = re.compile('.*'.join(map(re.escape, parts)), re.DOTALL)
    assert any(pattern.search(text) for text in texts())


def test_messages_are_found():
    assert len(MESSAGES) > 30
