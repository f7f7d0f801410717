"""What the commands of inference say on the error stream, beside their answer."""

import sys
from collections.abc import Sequence

from rich.console import Console

from usfm_mm.inference.sources import Listing

_NAMED = 3


def console() -> Console:
    """Where progress is shown."""
    return Console(stderr=True)


def tell_others(listing: Listing) -> None:
    """Name files of folders that are left out because they are no pictures."""
    if listing.others:
        names = ', '.join(file.name for file in listing.others[:_NAMED])
        more = ', ...' if len(listing.others) > _NAMED else ''
        print(f'{len(listing.others)} files are no pictures: {names}{more}', file=sys.stderr)


def tell_problems(problems: Sequence[str]) -> None:
    """Name what could not be read, and end with status 1 if there is any.

    Raises:
        SystemExit: There is.
    """
    if problems:
        print(f'\n{len(problems)} could not be read, the rest is done:', file=sys.stderr)
        print('\n'.join(f'  {line}' for line in problems), file=sys.stderr)
        raise SystemExit(1)
