"""Print a config with its bases and options merged in: python tools/print_config.py CONFIG."""

from collections.abc import Sequence

from usfm_mm.config.options import config_parser, load_config


def main(argv: Sequence[str] | None = None) -> None:
    """Print."""
    print(load_config(config_parser('Print a whole config.').parse_args(argv)).pretty_text)
