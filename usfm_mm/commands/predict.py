"""Segment, classify, enhance or reconstruct files: usfm predict MODEL INPUT ... --out DIR."""

from __future__ import annotations

import argparse
import atexit
import gc
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # imported once they are needed
    from usfm_mm.inference.formats.table import Answer
    from usfm_mm.inference.frames import Frame

_FORMATS = ('mask', 'overlay', 'clip', 'nifti', 'dicom-seg', 'image')


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Ask a model about images, DICOM files, clips and volumes. Run again, it does '
        'what is missing.'
    )
    parser.add_argument('model', help='file of a trained model')
    parser.add_argument(
        'inputs', nargs='+', metavar='INPUT', help="files, folders, patterns ('scans/**/*.dcm')"
    )
    parser.add_argument(
        '--ensemble', nargs='+', default=[], metavar='MODEL', help='more models, to average with'
    )
    parser.add_argument('--out', required=True, metavar='DIR', help='folder for the answers')
    parser.add_argument(
        '--formats',
        nargs='+',
        choices=_FORMATS,
        help='what is written beside the table; by default mask and overlay, or image',
    )
    parser.add_argument('--batch-size', type=int, default=16, help='images at once (default: 16)')
    parser.add_argument('--flip', action='store_true', help='average with the mirror images')
    parser.add_argument('--threshold', type=float, help='least probability of foreground or label')
    parser.add_argument(
        '--explain',
        choices=('occlusion', 'rollout'),
        help='of a classification, where it looks: what hiding parts does to the score, or what '
        'the blocks attend to, as picture and array in explained/',
    )
    parser.add_argument('--seed', type=int, default=0, help='of the masks of a reconstruction')
    parser.add_argument('--device', help="'cuda', 'cpu'; by default the GPU where there is one")
    return parser.parse_args(argv)


def answering(models: list[Any], args: argparse.Namespace) -> Callable[..., Iterator[Any]]:
    """What turns frames into answers, for the task of the models.

    Raises:
        ValueError: Models or options do not go together.
    """
    from usfm_mm.inference import explain, predict, rebuild

    task = models[0].card.task
    if task not in ('segment', 'classify') and args.threshold is not None:
        raise ValueError(f'--threshold: a model for {task!r} has none')
    if task not in ('segment', 'classify') and len(models) > 1:
        raise ValueError(f'--ensemble: models for {task!r} are not averaged')
    predict.check_options(args.batch_size, args.threshold)
    if args.explain and task != 'classify':
        raise ValueError(f'--explain: of a model for {task!r} there is nothing to explain')
    if task == 'pretrain':
        if args.flip:
            raise ValueError('--flip: a reconstruction has no mirror image')
        rebuild.check_masks(models[0].card, None, None)
        return partial(
            rebuild.rebuild_frames, models[0], batch_size=args.batch_size, seed=args.seed
        )
    predict.check_models(models, task)
    if args.explain and len(models) > 1:
        raise ValueError('--explain: one model is explained, not an ensemble')
    if args.explain:
        explain.check_explainable(models[0])
    if args.explain == 'rollout':
        explain.check_rollout(models[0])
    options = dict(batch_size=args.batch_size, flip=args.flip)
    if task == 'enhance':
        return partial(predict.enhance_frames, models[0], **options)
    function = predict.segment_frames if task == 'segment' else predict.classify_frames
    answers = partial(function, models, threshold=args.threshold, **options)
    if args.explain:
        return partial(explained, models[0], answers, args)
    return answers


def explained(
    model: Any, answers: Callable[..., Iterator[Any]], args: argparse.Namespace, frames: Any
) -> Iterator[Any]:
    """Answers about frames with what explains them."""
    from usfm_mm.inference.explain import explain_answers

    return explain_answers(model, answers(frames=frames), args.explain, args.batch_size)


def formats_of(task: str, wanted: Sequence[str] | None) -> tuple[str, ...]:
    """What is written.

    Raises:
        ValueError: The task has not all of what is wanted.
    """
    from usfm_mm.inference.source_writer import DEFAULTS, FORMATS

    wrong = [name for name in wanted or () if name not in FORMATS[task]]
    if wrong:
        raise ValueError(
            f'--formats {wrong[0]}: a model for {task!r} has {", ".join(FORMATS[task])}'
        )
    return tuple(sorted(set(wanted))) if wanted else DEFAULTS[task]


def main(argv: Sequence[str] | None = None) -> None:
    """Answer, and say what could not be read."""
    args = parse_args(argv)
    atexit.register(gc.freeze)  # else Python searches all modules for cycles to the end: 1 s
    from usfm_mm.apis.loading import device_for, load_model
    from usfm_mm.inference.frames import shared_bits
    from usfm_mm.inference.many import answer_files
    from usfm_mm.inference.output_folder import check_folder, output_folder
    from usfm_mm.inference.source_writer import SourceWriter
    from usfm_mm.inference.sources import check_models, list_all
    from usfm_mm.inference.told import console, tell_bits, tell_others, tell_problems
    from usfm_mm.io.hashing import sha256
    from usfm_mm.io.progress import progress_bar

    paths = [args.model, *args.ensemble]
    check_models(paths)
    listing = list_all(args.inputs)
    folder, bits = Path(args.out), shared_bits(listing.files)
    known = dict(
        models=[sha256(path) for path in paths],
        flip=args.flip,
        threshold=args.threshold,
        seed=args.seed,
        explain=args.explain,
    )
    check_folder(folder, known)
    tell_others(listing)
    models = [load_model(path, device=device_for(path, args.device)) for path in paths]
    task = models[0].card.task
    answers, formats = answering(models, args), formats_of(task, args.formats)
    settings = dict(known, formats=list(formats), **tell_bits(bits))
    cards = [model.card for model in models]

    def frames_to_answers(frames: Iterator[Frame]) -> Iterator[Answer]:
        return answers(frames=frames)

    with output_folder(folder, settings), progress_bar(console()) as bar:
        shown = bar.add_task(task, total=len(listing.files))
        problems = answer_files(
            listing.files,
            frames_to_answers,
            lambda name, source: SourceWriter(folder, name, source, formats, cards),
            folder,
            args.batch_size,
            partial(bar.advance, shown),
            bits,
        )
    print(folder.resolve() / 'predictions.csv')
    tell_problems(problems)
