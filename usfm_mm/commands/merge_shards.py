"""Make one database of the shards that "usfm build-database --shard" built, after each is done.

Duplicates across shards leave, index and report are written. When shards have grown, run it again.

Example: usfm merge-shards data/3mus --key-file ~/usfm.key
"""

import argparse
from collections.abc import Sequence

from usfm_mm.io.matplotlib_home import nothing_kept_at_home


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('database', help='its folder, with the shards in it')
    parser.add_argument('--key-file', help='secret that patients are hashed with')
    parser.add_argument('--journal', help='private folder (default: beside the key)')
    args = parser.parse_args(argv)
    with nothing_kept_at_home():
        _merge(args)


def _merge(args: argparse.Namespace) -> None:
    from usfm_mm.database.addresses import local_place
    from usfm_mm.database.merge import merge

    merge(*local_place(args))
