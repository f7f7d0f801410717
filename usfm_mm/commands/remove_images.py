"""Take patients, studies, files or single images out of a database, for good.

Their images and copies of them leave the index and the disk, and no later run takes them in again.
Give hashes as the index has them: of the columns patient, _study and _file, or an image's name.

Example: usfm remove-images data/3mus 0a1b…9f --key-file ~/usfm.key
"""

import argparse
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('database', help='its folder')
    parser.add_argument('hash', nargs='+', help='of a patient, study or file, or an image’s name')
    parser.add_argument('--key-file', help='secret that patients are hashed with')
    parser.add_argument('--journal', help='private folder (default: beside the key)')
    args = parser.parse_args(argv)
    from usfm_mm.database.addresses import local_place
    from usfm_mm.database.removal import remove_images

    out, key_file, journal = local_place(args)
    gone, stay = remove_images(out, args.hash, key_file, journal)
    print(f'{gone:,} images went from {out}, {stay:,} stay')
