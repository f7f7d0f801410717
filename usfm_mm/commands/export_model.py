"""A trained model for other machines: usfm export MODEL TARGET.onnx."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_ENDINGS = {'onnx': '.onnx', 'torch-export': '.pt2'}
_COMPARED = 8


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Raises:
        ValueError: Options do not go together, or the target is there.
    """
    parser = argparse.ArgumentParser(
        description='Write a model as a file that takes uint8 images: the encoder of a pre-trained '
        'one, else the whole. It is compared with the model, and not kept where it differs.'
    )
    parser.add_argument('model', help='checkpoint of a run, or a published file')
    parser.add_argument('target', type=Path, help='file to write, NAME.onnx or NAME.pt2')
    parser.add_argument(
        '--format',
        choices=_ENDINGS,
        default='onnx',
        help='onnx (default), which needs no torch, or torch-export, which needs nothing else',
    )
    parser.add_argument(
        '--pictures',
        nargs='+',
        metavar='PICTURE',
        help='to compare on: files, folders, patterns; by default noise',
    )
    parser.add_argument(
        '--int8', action='store_true', help='8-bit matrix products, a smaller file: ONNX only'
    )
    parser.add_argument(
        '--test-data',
        metavar='DIR',
        help='prepared data set: DSC or F1 on its test set, of the model in float and in int8',
    )
    args = parser.parse_args(argv)
    if args.target.exists():
        raise ValueError(f'{args.target} exists: remove it, or name another file')
    if args.int8 and args.format != 'onnx':
        raise ValueError(f'--int8 is of ONNX Runtime: leave --format {args.format} out')
    if args.target.suffix != _ENDINGS[args.format]:
        raise ValueError(
            f'{args.target}: a file of --format {args.format} ends in {_ENDINGS[args.format]}'
        )
    if args.test_data and not args.int8:
        raise ValueError('--test-data says what --int8 costs: give both')
    return args


def main(argv: Sequence[str] | None = None) -> None:
    """Write a model and compare what was written with it."""
    args = parse_args(argv)
    from usfm_mm.compat import quiet_imports
    from usfm_mm.io.atomic import check_writable

    check_writable(args.target.parent, 'name a file in another folder')
    quiet_imports()
    from usfm_mm.apis.model import load_checkpoint

    model = load_checkpoint(args.model)
    if model.card.clip_frames:
        raise ValueError(
            f'{args.model} is a model of clips, which is not exported: "usfm predict {args.model}" '
            'and usfm_mm.apis.load_model use the checkpoint as it is, which needs nothing beside it'
        )
    images = pictures_for(model.card, args.pictures)
    if args.int8:
        lines = _export_int8(model, args, images)
    else:
        difference = _exporter(args.format)(model, args.target, images)
        lines = [f'largest difference from the model on {len(images)} images: {difference:.2g}']
    print(f'{args.target}: {args.target.stat().st_size / 1e6:.1f} MB')
    print('\n'.join(lines))


def pictures_for(card: Any, places: Sequence[str] | None) -> np.ndarray:
    """Images to compare on, uint8 [B, C, height, width], B at least 2."""
    from itertools import islice

    import numpy as np

    from usfm_mm.inference.frames import frames_of
    from usfm_mm.inference.prepare import prepare

    if not places:
        size = card.image_size or (224, 224)
        return np.random.default_rng(0).integers(0, 256, (3, card.channels, *size), np.uint8)
    frames = islice(frames_of(places), _COMPARED)
    images = np.stack([prepare(frame.pixels, card) for frame in frames])
    return np.concatenate([images, images[..., ::-1]])


def _exporter(kind: str) -> Any:
    if kind == 'onnx':
        from usfm_mm.models.export import export_onnx

        return export_onnx
    from usfm_mm.models.export_program import export_program

    return export_program


def _export_int8(model: Any, args: argparse.Namespace, images: np.ndarray) -> list[str]:
    """Write the quantised graph; what it costs, in lines."""
    import numpy as np

    from usfm_mm.evaluation.prepared import score_prepared
    from usfm_mm.inference.onnx_model import OnnxModel
    from usfm_mm.io.atomic import write_atomic
    from usfm_mm.models.export import onnx_content
    from usfm_mm.models.export_graph import check_exported
    from usfm_mm.models.quantise import quantised

    content = onnx_content(model, images)
    exact = OnnxModel(content)
    check_exported(exact, model, images, args.target)
    small = quantised(content)
    rough = OnnxModel(small)
    answers = exact.answer(images), rough.answer(images)
    lines = [
        f'largest difference of int8 from the model on {len(images)} images: '
        f'{np.abs(answers[0] - answers[1]).max():.2g}'
    ]
    if model.card.task == 'pretrain':
        lengths = [np.linalg.norm(vectors, axis=1) for vectors in answers]
        cosines = (answers[0] * answers[1]).sum(axis=1) / (lengths[0] * lengths[1])
        lines.append(f'least cosine between features of float and int8: {cosines.min():.5f}')
    if args.test_data:
        before, after = (score_prepared(one, args.test_data) for one in (exact, rough))
        lines.append(
            f'{before.name} on {before.images} test images: float {before.value:.2f}, '
            f'int8 {after.value:.2f}, difference {after.value - before.value:+.2f}'
        )
    elif model.card.task in ('segment', 'classify'):
        lines.append('its cost in DSC or F1 was not measured: --test-data names a test set')
    args.target.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(args.target, small)
    return lines
