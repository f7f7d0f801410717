"""List the images that two data sets share, so that no test image is trained on.

A and B are databases made by "usfm build-database", data roots with an index, or plain folders of
images, clips and DICOM files. Without B, the training images of A are compared with its others, by
the splits of its index.

Ends with status 0 where they share no image, with 1 where they do, or where nothing could be
compared. Files that could not be read are counted and named, and do not change the status.
"""

import argparse
import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from usfm_mm.database.likeness import OVERLAP_HAMMING
from usfm_mm.database.options import add_options, options_of
from usfm_mm.io.atomic import write_atomic
from usfm_mm.io.index import read_index

if TYPE_CHECKING:
    from usfm_mm.database.overlap import HashedSet

_SHOWN = 20
_TRAIN = 'train'


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('a', type=Path, help='for instance the database to train on')
    parser.add_argument('b', type=Path, nargs='?', help='for instance a test set')
    parser.add_argument('--out', type=Path, default=Path('overlap.csv'), help='all pairs, as CSV')
    parser.add_argument(
        '--max-hamming',
        type=int,
        default=OVERLAP_HAMMING,
        help='bits of 256 that may differ (default: %(default)s)',
    )
    parser.add_argument('--workers', type=int, default=-1, help='processes (default: all cores)')
    add_options(parser.add_argument_group('how pictures are cut out of scanners’ files'))
    args = parser.parse_args(argv)
    from usfm_mm.database.overlap import find_overlap, hash_set

    console = Console()
    options = options_of(args)
    if args.b is None:
        splits = splits_of(args.a)
    a = hash_set(args.a, options, args.workers, console)
    if args.b is None:
        a, b = (part_of(a, splits, trained) for trained in (True, False))
    else:
        b = hash_set(args.b, options, args.workers, console)
    pairs = find_overlap(a, b, args.max_hamming)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(('a', 'b', 'bits'))
    writer.writerows((pair.a, pair.b, pair.bits) for pair in pairs)
    write_atomic(args.out, text.getvalue().encode('utf-8', 'surrogateescape'))
    for pair in pairs[:_SHOWN]:
        console.print(f'{pair.bits:3} bits: {pair.a} = {pair.b}', markup=False, soft_wrap=True)
    names = (args.a, args.b) if args.b else (f'{args.a}, {_TRAIN}', f'{args.a}, others')
    for source, hashed in zip(names, (a, b), strict=True):
        console.print(
            f'{source}: {len(set(hashed.names)):,} compared, {len(hashed.unread):,} not read'
            + (f', the first {_SHOWN} of them:' if len(hashed.unread) > _SHOWN else ''),
            markup=False,
            soft_wrap=True,
        )
        for name in hashed.unread[:_SHOWN]:
            console.print(f'  not read: {name}', markup=False, soft_wrap=True)
    console.print(
        f'{len({pair.b for pair in pairs}):,} of B are in A, in {len(pairs):,} pairs: {args.out}',
        markup=False,
        soft_wrap=True,
    )
    if not (a.names and b.names):
        raise ValueError(f'nothing was compared: see what was not read of {" and ".join(names)}')
    if pairs and args.b is None:
        number, (first, *_) = len({pair.b for pair in pairs}), pairs
        raise ValueError(
            f'{args.a}: {number} images of other splits are like training images, such as '
            f'{first.b} like {first.a}: "usfm index ... --leave-out {args.out}" leaves these out'
        )
    raise SystemExit(1 if pairs else 0)


def splits_of(root: Path) -> dict[str, str]:
    """Split of each image of a data root, by its path.

    Raises:
        FileNotFoundError: There is no index.
        ValueError: It tells no splits, or training images or others are missing.
    """
    table = read_index(root)
    found = table['split'].to_pylist() if 'split' in table.column_names else []
    splits = dict(zip(table['path'].to_pylist(), found, strict=bool(found)))
    if {split == _TRAIN for split in splits.values()} != {True, False}:
        raise ValueError(
            f'{root}: its index has not both training images and others to compare; name a second '
            'data set'
        )
    return splits


def part_of(hashed: 'HashedSet', splits: dict[str, str], trained: bool) -> 'HashedSet':
    """Hashes of the training images, or of all others."""
    from usfm_mm.database.overlap import HashedSet

    own = [(splits[name] == _TRAIN) == trained for name in hashed.names]
    return HashedSet(
        [name for name, mine in zip(hashed.names, own, strict=True) if mine],
        hashed.hashes[own],
        [name for name in hashed.unread if (splits[name] == _TRAIN) == trained],
    )
