"""Verify every image of a data set and write its index.

Prints the distribution of organs and the intensity mean and standard deviation, which the index
keeps for the config, plots the distribution, and lists the images that cannot be used.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

EXAMPLES = """examples:
  usfm index data/3M-US                        # data/3M-US/ORGAN/**.png
  usfm index data --prepared                   # data/busi, data/hc18, ...
  usfm index data/all --manifest data/all/manifest.csv --out work_dirs/all
  usfm index data/x --pattern '(?P<center>\\w+)/(?P<organ>\\w+)_(?P<patient>\\d+)'
"""


def majority(text: str) -> tuple[str, float]:
    """Organ and share of ``--majority``.

    Raises:
        ValueError: It is not of the form ``ORGAN=SHARE``.

    Example:
        >>> majority('fetal head=0.9')
        ('fetal head', 0.9)
    """
    organ, _, share = text.rpartition('=')
    if not organ:
        raise ValueError(f'{text!r} is not ORGAN=SHARE')
    return organ, float(share)


def main(argv: Sequence[str] | None = None) -> None:
    """Read the command line and make the index."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('root', type=Path, help='data root; its folders are the organs')
    parser.add_argument('--out', type=Path, help='folder for index.parquet and reports (root)')
    layout = parser.add_mutually_exclusive_group()
    layout.add_argument(
        '--manifest',
        type=Path,
        help='CSV with the columns path (or file) and organ, and where known '
        'center, device, patient (or group, and dataset), split',
    )
    layout.add_argument(
        '--prepared',
        action='store_true',
        help='join the indexes of the folders under root, as "usfm prepare" made them; '
        'their splits are kept, so that pre-training sees no test image',
    )
    layout.add_argument(
        '--pattern',
        help='regular expression that the start of a relative path '
        'matches; its named groups are columns of the index',
    )
    parser.add_argument(
        '--exclude',
        default=r'(?i)(/mask_[^/]*|_(mask|label|seg|segmentation|gt|annotation)(_\d+)?)\.\w+$',
        help='regular expression for paths to leave out (default: %(default)s)',
    )
    parser.add_argument(
        '--val-fraction',
        type=float,
        help='share of images held out as split "val" where no split is given, and at least one of '
        'an organ of two or more (default: 0.01 of organs of 20 or more)',
    )
    parser.add_argument(
        '--majority',
        type=majority,
        metavar='ORGAN=SHARE',
        help='leave out training images until this organ has that share of them, such as '
        'breast=0.9, for experiments with organs out of balance',
    )
    parser.add_argument(
        '--leave-out',
        type=Path,
        metavar='CSV',
        help='of "usfm check-overlap": training images that are like others are left out',
    )
    parser.add_argument('--seed', type=int, default=0, help='of these choices')
    parser.add_argument('--workers', type=int, default=os.cpu_count(), help='processes')
    args = parser.parse_args(argv)
    from usfm_mm.curation.make_index import make_index  # imported once it is needed

    make_index(**vars(args))
