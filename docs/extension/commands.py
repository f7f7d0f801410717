"""Every command with its options, from the parsers themselves."""

import argparse
import re
from pathlib import Path

from usfm_mm.__main__ import COMMANDS
from usfm_mm.completion import parser_of

TOOLS = Path(__file__).resolve().parents[2] / 'tools'


def commands_page() -> str:
    """A section for each command, and one for each script of ``tools/`` that is none."""
    sections = [_command(name, *about) for name, about in COMMANDS.items()]
    sections += [_script(path) for path in sorted(TOOLS.glob('*.sh'))]
    return '\n\n'.join(sections)


def _command(name: str, module: str, purpose: str) -> str:
    parser = parser_of(module)
    parser.prog = f'usfm {name}'
    formatter = argparse.HelpFormatter(parser.prog, width=88)
    formatter.add_usage(parser.usage, parser._actions, parser._mutually_exclusive_groups)
    usage = formatter.format_help().removeprefix('usage: ').strip()
    parts = [
        f'## usfm {name}',
        _plain(parser.description or purpose),
        f'`tools/{module}.py` of a clone does the same.',
        f'```text\n{usage}\n```',
    ]
    rows = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            parts += [_sub_command(name, *choice) for choice in action.choices.items()]
        elif not isinstance(action, argparse._HelpAction):
            rows.append(_row(formatter, action))
    if rows:
        parts.insert(4, _table(rows))
    if parser.epilog:
        parts.append(f'```text\n{parser.epilog.strip()}\n```')
    return '\n\n'.join(parts)


def _sub_command(name: str, sub: str, parser: argparse.ArgumentParser) -> str:
    formatter = argparse.HelpFormatter(f'usfm {name} {sub}', width=88)
    rows = [
        _row(formatter, action)
        for action in parser._actions
        if not isinstance(action, argparse._HelpAction)
    ]
    return '\n\n'.join([f'### usfm {name} {sub}', _plain(parser.description or ''), _table(rows)])


def _row(formatter: argparse.HelpFormatter, action: argparse.Action) -> str:
    names = ', '.join(f'`{option}`' for option in action.option_strings)
    value = formatter._format_args(action, formatter._get_default_metavar_for_optional(action))
    if not names:
        value = formatter._format_args(action, action.dest)
    shown = names + (f' `{value}`' if value else '')
    text = formatter._expand_help(action) if action.help else ''
    silent = action.default in (None, False, '', argparse.SUPPRESS) or not action.option_strings
    default = '' if silent else f'`{_value(action.default)}`'
    return f'| {_cell(shown)} | {_cell(_plain(text))} | {_cell(default)} |'


def _value(default: object) -> str:
    if isinstance(default, (list, tuple)):
        return ' '.join(map(str, default))
    return str(default)


def _table(rows: list[str]) -> str:
    return '\n'.join(['| option | what | default |', '|---|---|---|', *rows]) if rows else ''


def _cell(text: str) -> str:
    return text.replace('|', '\\|').replace('\n', ' ')


def _plain(text: str) -> str:
    """Text of a help or docstring, with no Markdown in it but code."""
    text = re.sub(r':\w+:`~?([^`]+)`', r'`\1`', text.strip()).replace('``', '`')
    parts = re.split(r'(`[^`]*`)', text)
    return ''.join(p if p.startswith('`') else re.sub(r'([*_<>\[\]])', r'\\\1', p) for p in parts)


def _script(path: Path) -> str:
    comments = []
    for line in path.read_text(encoding='utf-8').splitlines()[1:]:
        if not line.startswith('#'):
            break
        comments.append(line.removeprefix('#').removeprefix(' '))
    return f'## tools/{path.name}\n\n```text\n' + '\n'.join(comments) + '\n```'
