"""What a file of an experiment may hold."""

import difflib
from collections.abc import Collection, Iterable
from typing import Any


class ExperimentError(ValueError):
    """An experiment that cannot be run; the message names file, key and remedy."""


def mapping(where: str, value: Any) -> dict[str, Any]:
    """See that there are names with values.

    Raises:
        ExperimentError: There are not; ``where`` says of what.
    """
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ExperimentError(f'{where} must have names with values, such as "name: value"')
    return value


def known(where: str, given: Iterable[Any], names: Collection[Any]) -> None:
    """See that all that is given is known.

    Raises:
        ExperimentError: With what there is, and what is nearest.
    """
    for name in given:
        if name not in names:
            there = [str(each) for each in names]
            close = difflib.get_close_matches(str(name), there, n=1)
            hint = f'; did you mean {close[0]}?' if close else ''
            raise ExperimentError(
                f'{where}: {name!r} is unknown; there are {", ".join(there) or "none"}{hint}'
            )
