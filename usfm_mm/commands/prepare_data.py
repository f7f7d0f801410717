"""Bring a data set into the layout of the configs: python tools/prepare_data.py NAME SOURCE OUT."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from usfm_mm.converters import CONVERTERS


def main(argv: Sequence[str] | None = None) -> None:
    """Read the command line, convert, and end with one line where something is wrong."""
    parser = argparse.ArgumentParser(description='Bring a data set into the layout of the configs.')
    parser.add_argument('name', choices=[*CONVERTERS, 'folder'], help='data set; folder: your own')
    parser.add_argument('source', type=Path, help='the release: a folder, .zip or .tar.gz')
    parser.add_argument('out', type=Path, help='folder to make, such as data/busi')
    parser.add_argument('--seed', type=int, default=0, help='of the split (default: 0)')
    own = parser.add_argument_group('your own data (NAME is folder)')
    own.add_argument('--organ', default='unknown', help='of all images')
    own.add_argument('--classes', nargs='+', default=(), help='names of the mask values 1, 2, ...')
    own.add_argument('--patients', help='regular expression on file names; group 1 is the patient')
    own.add_argument(
        '--splits', type=Path, help='CSV with the columns name,split (train, val, test)'
    )
    args = parser.parse_args(argv)
    if args.name != 'folder' and (args.classes or args.patients or args.splits):
        parser.error('--classes, --patients and --splits are for NAME folder')
    from rich.console import Console

    from usfm_mm.converters.archives import opened
    from usfm_mm.converters.convert import convert
    from usfm_mm.converters.folder import own_data

    out = args.out.resolve()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with opened(args.source, out.parent) as source:
            if args.name == 'folder':
                converter = own_data(source, args.organ, args.classes, args.patients, args.splits)
            else:
                converter = CONVERTERS[args.name]
            convert(converter, source, out, args.seed, Console())
    except (ValueError, OSError) as error:
        raise SystemExit(f'error: {error}') from error
