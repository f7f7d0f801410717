"""Pack the images of an index into one LMDB file, or unpack them into PNG files.

Packed images are raw grey pixels: the same values as the files', without decoding. An interrupted
run goes on where it stopped when the same command is given again.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

EXAMPLES = """examples:
  usfm pack pack data/3M-US               # writes data/3M-US/images.lmdb
  usfm pack pack data/3M-US --out /fast   # and the index beside it
  usfm pack unpack /fast --out data/png   # uncompressed PNG files and index
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Read the command line, pack or unpack."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('direction', choices=('pack', 'unpack'))
    parser.add_argument('root', type=Path, help='data root, with the images and the index')
    parser.add_argument('--out', type=Path, help='folder to write to (pack: the data root)')
    parser.add_argument('--index', type=Path, help='index, where it is not in the data root')
    parser.add_argument('--workers', type=int, default=os.cpu_count(), help='threads')
    args = parser.parse_args(argv)
    if args.direction == 'unpack' and args.out is None:
        parser.error('unpack needs --out')
    from usfm_mm.curation import pack  # imported once it is needed

    run = pack.pack if args.direction == 'pack' else pack.unpack
    run(args.root, args.out or args.root, args.index, args.workers)
