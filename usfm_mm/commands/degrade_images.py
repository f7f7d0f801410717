"""Make synthetic pairs of prepared images: usfm degrade SOURCE ... OUT."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path


def main(argv: Sequence[str] | None = None) -> None:
    """Read the command line and degrade."""
    parser = argparse.ArgumentParser(
        description='Make pairs of which the low quality is synthetic, to train enhancement on.'
    )
    parser.add_argument(
        'sources', nargs='+', type=Path, metavar='SOURCE', help='made by "usfm prepare"'
    )
    parser.add_argument('out', type=Path, help='folder to make, such as data/synthetic')
    parser.add_argument('--seed', type=int, default=0, help='of the noise (default: 0)')
    args = parser.parse_args(argv)
    from rich.console import Console

    from usfm_mm.converters.convert import convert
    from usfm_mm.converters.synthetic import synthetic_pairs

    sources, out = [path.resolve() for path in args.sources], args.out.resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    root = Path(os.path.commonpath(sources))
    convert(synthetic_pairs(sources, args.seed), root, out, args.seed, Console())
