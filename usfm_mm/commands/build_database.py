"""Build a database for pre-training from scanners' files, or add files to one.

DICOM, video, image and volume files become grey pictures without private data, in a folder that
"usfm train" takes as --data-root. A run that was stopped or killed goes on when the same command
is given again. What each option means, and the format of the rules: docs/database.md.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from usfm_mm.database.options import Settings, add_options, options_of
from usfm_mm.io.matplotlib_home import nothing_kept_at_home

EXAMPLES = """examples:
  (umask 077; python -c "import secrets; print(secrets.token_hex(32))" > ~/usfm.key)
  usfm build-database /pacs/export /data/busi data/3mus --key-file ~/usfm.key
  usfm build-database /pacs/next_year data/3mus --key-file ~/usfm.key    # adds to it
  usfm build-database /pacs/export data/3mus --key-file ~/usfm.key --shard 3/5
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Read the command line and build."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'source', nargs='+', help='folders and files to read, also in object storage (s3://…)'
    )
    parser.add_argument('out', help='folder of the database')
    parser.add_argument('--key-file', help='secret that patients are hashed with')
    parser.add_argument('--rules', help='YAML: organ, center, device, patient, exclude')
    parser.add_argument('--scanners', help='file of "usfm learn-scanners", the same in every run')
    parser.add_argument(
        '--exclude-like',
        nargs='+',
        default=(),
        help='data sets whose images must stay out, such as test sets',
    )
    parser.add_argument('--journal', help='private folder (default: beside the key)')
    parser.add_argument(
        '--shard',
        metavar='I/N',
        help='read these files alone, of the first of five shards for instance 1/5; all of them, '
        'then "usfm merge-shards", make what one run makes',
    )
    settings = parser.add_argument_group('images (the same in every run on one database)')
    default = Settings()
    settings.add_argument('--size', type=int, default=default.size, help='side; 0 keeps theirs')
    settings.add_argument('--packed', action='store_true', help='one LMDB file instead of PNG')
    settings.add_argument(
        '--max-hamming',
        type=int,
        default=default.max_hamming,
        help='bits of 256 that near duplicates differ in',
    )
    settings.add_argument('--val-fraction', type=float, default=default.val_fraction)
    add_options(settings)
    cluster = parser.add_argument_group('where to work')
    cluster.add_argument('--workers', type=int, default=-1, help='processes (default: all cores)')
    cluster.add_argument('--backend', choices=('loky', 'dask'), default='loky')
    cluster.add_argument('--scheduler', help='address of the Dask scheduler')
    cluster.add_argument(
        '--seconds-per-file',
        type=float,
        default=40,
        help='of the processor, then it is left out; another limit tries it again (0: none)',
    )
    args = parser.parse_args(argv)
    with nothing_kept_at_home():
        _build(args)


def _build(args: argparse.Namespace) -> None:
    from usfm_mm.database.addresses import only_local, source_of
    from usfm_mm.database.build import build
    from usfm_mm.database.shards import Shard
    from usfm_mm.database.workers import Cluster

    def local(text: str | None, option: str) -> Path | None:
        return None if text is None else only_local(text, f'what {option} names')

    build(
        [source_of(text) for text in args.source],
        only_local(args.out, 'the database'),
        local(args.key_file, '--key-file'),
        local(args.rules, '--rules'),
        Settings(
            args.size, args.packed, args.max_hamming, args.val_fraction, options=options_of(args)
        ),
        [only_local(text, 'what --exclude-like names') for text in args.exclude_like],
        local(args.journal, '--journal'),
        Cluster(args.backend, args.workers, args.scheduler, args.seconds_per_file),
        shard=None if args.shard is None else Shard.of(args.shard),
        scanners_file=local(args.scanners, '--scanners'),
    )
