"""Make one database of the shards that "usfm build-database --shard" built, after each is done.

Duplicates across shards leave, index and report are written. When shards have grown, run it again.

Example: usfm merge-shards data/3mus --key-file ~/usfm.key
"""

import argparse
import os
import tempfile
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('database', help='its folder, with the shards in it')
    parser.add_argument('--key-file', help='secret that patients are hashed with')
    parser.add_argument('--journal', help='private folder (default: beside the key)')
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        # The report's drawings need matplotlib, which keeps settings and a list of fonts at home.
        os.environ.setdefault('MPLCONFIGDIR', folder)
        _merge(args)


def _merge(args: argparse.Namespace) -> None:
    from usfm_mm.database.addresses import local_place
    from usfm_mm.database.merge import merge

    merge(*local_place(args))
