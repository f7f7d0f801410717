"""Print a config with its bases and options merged in: usfm print-config CONFIG."""

from collections.abc import Sequence

from usfm_mm.config.parser import add_schedule_options, config_parser


def main(argv: Sequence[str] | None = None) -> None:
    """Print."""
    parser = config_parser('Print a whole config.')
    add_schedule_options(parser)
    args = parser.parse_args(argv)
    from usfm_mm.config.options import load_config

    print(load_config(args).pretty_text)
