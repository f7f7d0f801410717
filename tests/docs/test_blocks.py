"""Blocks that are not run are few, say why, and name what is there; so do all others."""

import argparse
import ast
import importlib
import importlib.util
import re

import pytest

from support.pages.blocks import PAGES, PYTHON, ROOT, SHELL, blocks_of
from support.pages.readers import READERS
from support.pages.small import BENCHMARKS
from support.pages.words import commands
from usfm_mm.__main__ import COMMANDS
from usfm_mm.completion import parser_of
from usfm_mm.config.files import find_config

BLOCKS = [block for page in PAGES for block in blocks_of(page)]
CODE = [block for block in BLOCKS if block.language in (*SHELL, *PYTHON)]
FOLDERS = {path.name for path in (ROOT / 'configs').iterdir() if path.is_dir()}


def parsers(command):
    """Parser of a command, and those of its own commands."""
    parser = parser_of(COMMANDS[command][0])
    found = [parser]
    for action in parser._actions:
        choices = action.choices if isinstance(action.choices, dict) else {}
        found += [own for own in choices.values() if isinstance(own, argparse.ArgumentParser)]
    return found


def check_usfm(words):
    """The command exists, its options too, and the configs that it names."""
    command, *rest = words
    if command.startswith('-'):
        assert command in ('--help', '-h')
        return
    assert command in COMMANDS, f'no command {command}'
    options = {name for parser in parsers(command) for name in parser._option_string_actions}
    for word in rest:
        if word.startswith('--') and word != '--debug':
            assert word.partition('=')[0] in options, f'usfm {command} has no {word}'
        elif re.fullmatch(r'(configs/)?(\w+)/\w+(\.py)?', word):
            if word.removeprefix('configs/').split('/')[0] in FOLDERS:
                find_config(word)
        elif ': ' in word:  # a method of usfm compare
            check_usfm(['train', *word.partition(': ')[2].split()])


def check_shell(block):
    """What we have a word in: usfm, tools, make."""
    for words in commands(block.text):
        if words[0] == 'usfm':
            check_usfm(words[1:])
        elif words[0] == 'make':
            rules = (ROOT / 'Makefile').read_text()
            for name in words[1:]:
                assert re.search(rf'^{name}:', rules, re.M), f'no make {name}'
        elif words[0].startswith('tools/'):
            assert (ROOT / words[0]).is_file(), words[0]
        elif words[:2] == ['python', '-m'] and words[2].startswith('benchmarks.'):
            name = words[2].removeprefix('benchmarks.')
            assert importlib.util.find_spec(words[2]), words[2]
            assert block.not_run or name in BENCHMARKS, f'tests of pages need small options: {name}'


def check_python(block):
    """It can be compiled, and what it imports is there."""
    for node in ast.walk(ast.parse(block.text)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module]
            module = importlib.import_module(node.module)
            for alias in node.names:
                assert hasattr(module, alias.name), f'{node.module} has no {alias.name}'
        for name in names:
            assert importlib.util.find_spec(name), name


@pytest.mark.parametrize('block', CODE, ids=str)
def test_a_block_names_what_is_there(block):
    (check_shell if block.language in SHELL else check_python)(block)


def test_few_blocks_are_not_run():
    left_out = [block for block in CODE if block.not_run]
    assert len(left_out) <= 24, [str(block) for block in left_out]
    assert len(left_out) < len(CODE) / 4
    assert all(len(block.not_run.split()) >= 3 for block in left_out)


def test_pages_with_readers_exist():
    assert set(READERS) <= set(PAGES)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('```rust\nx\n```', "a block in 'rust'"),
        ('<!-- not run: why -->\n\nwords\n\n```bash\nls\n```', 'before no block'),
        ('```bash\nls\n```\n<!-- not run: why -->', 'before no block'),
    ],
)
def test_no_block_escapes(text, message):
    with pytest.raises(ValueError, match=message):
        blocks_of('page.md', text)


def test_a_reason_belongs_to_the_next_block_alone():
    text = (
        '<!-- not run: needs\n a GPU -->\n```bash\nls\n```\n\n- item\n\n  ```python\n  1\n  ```\n'
    )
    assert [(b.language, b.not_run) for b in blocks_of('page.md', text)] == [
        ('bash', 'needs a GPU'),
        ('python', ''),
    ]


def test_what_is_wrong_is_found():
    for words in (['trian'], ['train', 'usfm/nothing'], ['train', 'x', '--epoch-number', '3']):
        with pytest.raises((AssertionError, FileNotFoundError)):
            check_usfm(words)
