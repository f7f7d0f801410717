"""A trained model for machines without torch: usfm export MODEL TARGET.onnx."""

import argparse
from collections.abc import Sequence
from pathlib import Path


def main(argv: Sequence[str] | None = None) -> None:
    """Write a model as ONNX and compare it with the model."""
    parser = argparse.ArgumentParser(
        description='Write a model as ONNX, which takes uint8 images: the encoder of a pre-trained '
        'one, else the whole. It is compared with the model, and not kept where it differs.'
    )
    parser.add_argument('model', help='checkpoint of a run, or a published file')
    parser.add_argument('target', type=Path, help='file to write, NAME.onnx')
    parser.add_argument(
        '--pictures',
        nargs='+',
        metavar='PICTURE',
        help='to compare on: files, folders, patterns; by default noise',
    )
    args = parser.parse_args(argv)
    if args.target.exists():
        raise ValueError(f'{args.target} exists: remove it, or name another file')
    if args.target.suffix != '.onnx':
        raise ValueError(f'{args.target}: an exported model is a file that ends in .onnx')

    from usfm_mm.compat import quiet_imports

    quiet_imports()
    from itertools import islice

    import numpy as np

    from usfm_mm.apis.model import load_checkpoint
    from usfm_mm.inference.frames import frames_of
    from usfm_mm.inference.prepare import prepare
    from usfm_mm.models.export import export_onnx

    model = load_checkpoint(args.model)
    card = model.card
    if args.pictures:
        frames = islice(frames_of(args.pictures), 8)
        images = np.stack([prepare(frame.pixels, card) for frame in frames])
        images = np.concatenate([images, images[..., ::-1]])
    else:
        size = card.image_size or (224, 224)
        images = np.random.default_rng(0).integers(0, 256, (3, card.channels, *size), np.uint8)
    difference = export_onnx(model, args.target, images)
    print(f'{args.target}: {args.target.stat().st_size / 1e6:.1f} MB')
    print(f'largest difference from the model on {len(images)} images: {difference:.2g}')
