"""Configs as a command reads them."""

from pathlib import Path

from usfm_mm.config.options import load_config
from usfm_mm.config.parser import add_run_options, config_parser

ROOT = Path(__file__).resolve().parents[2]


def load(name, *options, checkpoint=None):
    """Config of a name under ``configs/`` or a path, with options of the command line."""
    parser = config_parser('')
    add_run_options(parser)
    args = parser.parse_args([str(ROOT / 'configs' / name), *map(str, options)])
    args.checkpoint = None if checkpoint is None else str(checkpoint)
    return load_config(args)
