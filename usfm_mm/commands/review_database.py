"""Draw sheets of a database's pictures to be looked at before it is shared, and sign them off.

The sheets (PNG) lie beside the journal, in its folder "review", since they show what was painted
over or left out: for each device random pictures of the database, and random ones before and after
text was painted over; for each reason files of which nothing was taken.

Example: usfm review-database data/3mus --key-file ~/usfm.key
         usfm review-database data/3mus --key-file ~/usfm.key --signed-by 'A. Reader'
"""

import argparse
from collections.abc import Sequence

from usfm_mm.io.matplotlib_home import nothing_kept_at_home


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('database', help='its folder')
    parser.add_argument('--key-file', help='secret that patients are hashed with')
    parser.add_argument('--journal', help='private folder (default: beside the key)')
    parser.add_argument('--pictures', type=int, default=48, help='on a sheet (default: 48)')
    parser.add_argument('--seed', type=int, default=0, help='another one draws others (default: 0)')
    parser.add_argument(
        '--signed-by',
        metavar='NAME',
        help='you looked at the sheets: add your name to signed_off.csv in the database',
    )
    args = parser.parse_args(argv)
    with nothing_kept_at_home():
        _review(args)


def _review(args: argparse.Namespace) -> None:
    from usfm_mm.database.addresses import local_place
    from usfm_mm.database.review import sign_off, write_sheets

    out, key_file, journal = local_place(args)
    if args.signed_by is not None:
        print(f'signed off in {sign_off(out, args.signed_by, key_file, journal)}')
        return
    for path in write_sheets(out, key_file, journal, args.pictures, args.seed):
        print(path)
    print('Look at these sheets (private); then run again with --signed-by NAME.')
