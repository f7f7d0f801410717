"""What the shell offers after ``usfm``: commands, their options, and names of configs."""

import argparse
import os
from importlib import import_module
from typing import Any, NoReturn
from unittest.mock import patch

import argcomplete

from usfm_mm.config.files import named_configs


class _Built(BaseException):
    """Carries a command's parser out of its ``main``, before anything is done."""


def _stop(parser: argparse.ArgumentParser, *_: Any, **__: Any) -> NoReturn:
    raise _Built(parser)


def parser_of(module: str) -> argparse.ArgumentParser:
    """Parser of a command, which the documentation reads too.

    Args:
        module: Of :mod:`usfm_mm.commands`.

    Raises:
        TypeError: Its ``main`` reads no command line.

    Example:
        >>> parser_of('doctor').description
        'Say what is installed, what each part needs, and the command that adds it.'
    """
    with patch.object(argparse.ArgumentParser, 'parse_args', _stop):
        try:
            import_module(f'usfm_mm.commands.{module}').main([])
        except _Built as built:
            return built.args[0]
    raise TypeError(f'{module}.main does not read a command line')


def _configs(**_: Any) -> list[str]:
    return list(named_configs())


def complete(commands: dict[str, tuple[str, str]]) -> None:
    """Answer the shell, and end; nothing where the shell does not ask.

    Args:
        commands: Module and purpose by name, as in ``usfm_mm.__main__``.
    """
    parser = argparse.ArgumentParser('usfm')
    names = parser.add_subparsers()
    words = os.environ.get('COMP_LINE', '').split()
    for name, (module, purpose) in commands.items():
        parents = [parser_of(module)] if name in words[1:2] else []
        names.add_parser(name, help=purpose, parents=parents, add_help=not parents)
        for action in parents[0]._actions if parents else ():
            if action.dest == 'config':
                action.completer = _configs  # type: ignore[attr-defined]
    argcomplete.autocomplete(parser)
