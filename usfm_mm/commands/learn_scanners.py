"""Learn where the picture lies on scanners' screens, for "usfm build-database --scanners FILE".

Of each device (as the rules call it) and size of frames, the places found on many files are
compared. Where they agree, FILE gets outline, places of text and counts: no pixel, and nothing
else of a file. Beside it a drawing (PNG) shows them for a look. How to: docs/database.md.

Example: usfm learn-scanners /pacs/export scanners.yaml --rules rules.yaml
"""

import argparse
from collections.abc import Sequence

from usfm_mm.io.matplotlib_home import nothing_kept_at_home


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'source', nargs='+', help='folders and files to read, also in object storage (s3://…)'
    )
    parser.add_argument('out', help='file to write (YAML)')
    parser.add_argument('--rules', help='YAML: device, patient, exclude, as for a build')
    parser.add_argument(
        '--files', type=int, default=2000, help='looked at, at most (default: %(default)s)'
    )
    needs = parser.add_argument_group('an outline is taken where')
    needs.add_argument('--min-files', type=int, default=20, help='agree (default: %(default)s)')
    needs.add_argument(
        '--min-patients', type=int, default=5, help='they are of as many (default: %(default)s)'
    )
    needs.add_argument(
        '--min-share',
        type=float,
        default=0.8,
        help='of the files agrees or is within (default: %(default)s)',
    )
    parser.add_argument('--workers', type=int, default=-1, help='processes (default: all cores)')
    parser.add_argument(
        '--seconds-per-file',
        type=float,
        default=40,
        help='of the processor, then it is left out (0: none)',
    )
    args = parser.parse_args(argv)
    with nothing_kept_at_home():
        _learn(args)


def _learn(args: argparse.Namespace) -> None:
    from rich.console import Console

    from usfm_mm.database.addresses import only_local, source_of
    from usfm_mm.database.agreement import Needs
    from usfm_mm.database.learn import learn_scanners
    from usfm_mm.database.scanner import screen_name
    from usfm_mm.database.scanner_drawing import draw_agreements
    from usfm_mm.database.scanners_file import to_text
    from usfm_mm.database.workers import Cluster
    from usfm_mm.io.atomic import check_writable, write_atomic
    from usfm_mm.io.image import encode_png

    out = only_local(args.out, 'the file to write')
    picture = out.with_suffix('.png')
    check_writable(out.parent, 'name another file')
    if out.suffix not in ('.yaml', '.yml'):
        raise ValueError(f'{out} must end in .yaml: it is written as YAML')
    console = Console()
    found = learn_scanners(
        [source_of(text) for text in args.source],
        out,
        None if args.rules is None else only_local(args.rules, 'what --rules names'),
        Needs(args.min_files, args.min_patients, args.min_share),
        args.files,
        Cluster(workers=args.workers, seconds=args.seconds_per_file),
        console,
    )
    for one in found:
        told = f'not taken: {one.why}' if one.scanner is None else 'taken'
        line = f'{screen_name(one.key)}: {one.files} files of {one.patients} patients; {told}'
        console.print(line, markup=False, soft_wrap=True)
    taken = [one.scanner for one in found if one.scanner is not None]
    if not taken:
        raise ValueError(
            'no outline was agreed on, and nothing is written: name more files (--files), write '
            'rules for device and patient (--rules), or ask for less (--min-files, --min-patients)'
        )
    drawn = draw_agreements([one for one in found if one.patients >= args.min_patients])
    assert drawn is not None  # there is one that was taken
    write_atomic(picture, encode_png(drawn[..., ::-1], compression=6))
    write_atomic(out, to_text(taken).encode())
    console.print(
        f'{len(taken)} of {len(found)} screens in {out}; look at {picture}, then give the file to '
        '"usfm build-database --scanners"',
        markup=False,
        soft_wrap=True,
    )
