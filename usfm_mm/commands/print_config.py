"""Print a config with its bases and options merged in: python tools/print_config.py CONFIG."""

from collections.abc import Sequence

from usfm_mm.config.options import add_schedule_options, config_parser, load_config


def main(argv: Sequence[str] | None = None) -> None:
    """Print."""
    parser = config_parser('Print a whole config.')
    add_schedule_options(parser)
    print(load_config(parser.parse_args(argv)).pretty_text)
