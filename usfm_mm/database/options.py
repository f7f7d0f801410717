"""The command line of how pictures are made."""

import argparse
from typing import get_args, get_type_hints

from usfm_mm.database.types import Options


def add_options(parser: argparse._ActionsContainer) -> None:
    """Add what :class:`Options` has: how pictures are made."""
    hints = get_type_hints(Options)
    for name, value in vars(Options()).items():
        choices = get_args(hints[name])
        parser.add_argument(
            f'--{name.replace("_", "-")}',
            default=value,
            type=float if type(None) in choices else type(value),
            choices=choices if choices and type(None) not in choices else None,
            help='default: %(default)s',
        )


def options_of(args: argparse.Namespace) -> Options:
    """The options on a parsed command line; 0 frames per second are all."""
    values = {name: getattr(args, name) for name in vars(Options())}
    values['frames_per_second'] = values['frames_per_second'] or None
    return Options(**values)
