"""Feature vectors of files: usfm extract-features MODEL INPUT ... --out features.parquet."""

from __future__ import annotations

import argparse
import atexit
import gc
from collections.abc import Sequence
from functools import partial
from pathlib import Path


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Feature vectors of images, DICOM files, clips and volumes, a row per frame. '
        'Run again, it does what is missing.'
    )
    parser.add_argument(
        'model', help='file of an encoder, exported or not, or of a model that has one'
    )
    parser.add_argument(
        'inputs', nargs='+', metavar='INPUT', help="files, folders, patterns ('scans/**/*.dcm')"
    )
    parser.add_argument('--out', required=True, metavar='FILE', help='.parquet or .npz')
    parser.add_argument('--batch-size', type=int, default=32, help='images at once (default: 32)')
    parser.add_argument('--device', help="'cuda', 'cpu'; by default the GPU where there is one")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Extract, and say what could not be read."""
    args = parse_args(argv)
    atexit.register(gc.freeze)  # else Python searches all modules for cycles to the end: 1 s
    from usfm_mm.apis.loading import load_encoder
    from usfm_mm.inference.features import check_ending
    from usfm_mm.inference.frames import shared_bits
    from usfm_mm.inference.predict import check_options
    from usfm_mm.inference.sources import list_all
    from usfm_mm.inference.told import console, tell_bits, tell_others, tell_problems
    from usfm_mm.io.atomic import check_writable

    check_ending(args.out)
    check_options(args.batch_size)
    listing = list_all(args.inputs)
    out = Path(args.out)
    check_writable(out.parent, 'name a file in another folder with --out')
    tell_others(listing)
    from usfm_mm.inference.many_features import extract_to_file
    from usfm_mm.io.hashing import sha256
    from usfm_mm.io.progress import progress_bar

    encoder = load_encoder(args.model, args.device)
    bits = shared_bits(listing.files)
    bits_told = {key: str(value) for key, value in tell_bits(bits).items()}
    about = dict(model=sha256(args.model), features=encoder.features, **bits_told)
    out.parent.mkdir(parents=True, exist_ok=True)
    with progress_bar(console()) as bar:
        shown = bar.add_task('features', total=len(listing.files))
        problems = extract_to_file(
            listing.files,
            encoder,
            out,
            about,
            args.batch_size,
            partial(bar.advance, shown),
            bits=bits,
        )
    print(out.resolve())
    tell_problems(problems)
