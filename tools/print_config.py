"""Print a config with its bases and options merged in: python tools/print_config.py CONFIG."""

from usfm_mm.cli import config_parser, load_config


def main() -> None:
    """Print."""
    print(load_config(config_parser('Print a whole config.').parse_args()).pretty_text)


if __name__ == '__main__':
    main()
