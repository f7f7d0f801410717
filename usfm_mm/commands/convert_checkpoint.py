"""Write the encoder of a checkpoint in another layout."""

import argparse
from collections.abc import Sequence
from pathlib import Path

_LAYOUTS = ('usfm', 'simmim', 'beit', 'mmpretrain', 'usfm_mm')


def main(argv: Sequence[str] | None = None) -> None:
    """Convert a checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('source', help='checkpoint of any known layout: path or http(s) address')
    parser.add_argument('target', help='file to write')
    parser.add_argument('--to', required=True, choices=_LAYOUTS, help='layout to write')
    parser.add_argument(
        '--window',
        nargs=2,
        type=int,
        metavar=('H', 'W'),
        help='patches the bias is for; needed if not square and the file has no index',
    )
    parser.add_argument(
        '--prefix', default='', help='which encoder of several: what its weights begin with'
    )
    args = parser.parse_args(argv)

    from usfm_mm.compat import quiet_imports
    from usfm_mm.io.atomic import check_writable

    check_writable(Path(args.target).parent, 'name a file in another folder')
    quiet_imports()
    from usfm_mm.models.checkpoints.files import save_file
    from usfm_mm.models.checkpoints.reading import read_checkpoint
    from usfm_mm.models.checkpoints.writing import write_layout

    window = tuple(args.window) if args.window else None
    checkpoint = read_checkpoint(args.source, window, args.prefix)
    content, dropped = write_layout(checkpoint, args.to)
    save_file(content, args.target)
    arch = ', '.join(f'{key}={value}' for key, value in checkpoint.arch.items())
    print(f'{args.source} ({checkpoint.layout}) -> {args.target} ({args.to})')
    print(f'  encoder  {len(checkpoint.encoder)} weights, arch=dict({arch})')
    if checkpoint.window:
        print('  window   {}x{} patches'.format(*checkpoint.window))
    if dropped:
        print(f'  dropped  {len(dropped)} weights beside the encoder: {", ".join(dropped[:6])}')
