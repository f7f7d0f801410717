"""List the configs of the package, by the names that other commands take."""

import argparse
from collections.abc import Sequence

from usfm_mm.config.files import named_configs


def main(argv: Sequence[str] | None = None) -> None:
    """List them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('part', nargs='?', default='', help='of the name, such as seg')
    part = parser.parse_args(argv).part
    found = {name: text for name, text in named_configs().items() if part in name}
    if not found:
        raise ValueError(f'no config has {part!r} in its name')
    for name, text in found.items():
        print(f'{name:<44} {text}')
