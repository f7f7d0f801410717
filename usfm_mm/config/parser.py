"""The options that commands share; parsing imports no host, so that ``--help`` is fast."""

import argparse
import os
from typing import Any


class _Overrides(argparse.Action):
    """mmengine's ``DictAction``, imported once there is something to parse.

    It takes a comma for a list's and drops spaces: a file that is there keeps its name.
    """

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        from mmengine.config import DictAction

        action = DictAction(self.option_strings, self.dest, self.nargs)
        action(parser, namespace, values, option_string)
        told = getattr(namespace, self.dest)
        for key, _, text in (word.partition('=') for word in values):
            if any(sign in text for sign in ', ') and os.path.isfile(text):
                told[key] = text


def config_parser(description: str) -> argparse.ArgumentParser:
    """Parser with the options that every tool takes: the config and changes to it."""
    # Abbreviations would hide an option from what looks for it among the words of an experiment.
    parser = argparse.ArgumentParser(description=description, allow_abbrev=False)
    parser.add_argument('config', help='config file')
    parser.add_argument('--data-root', help='data folder, in place of the one in the config')
    parser.add_argument('--image-size', type=int, help='pixels, in place of the size in the config')
    parser.add_argument('--mask-size', type=int, help='pixels of a mask patch in pre-training')
    parser.add_argument('--arch', help='size of the ViT: tiny, small, base, large, huge')
    parser.add_argument(
        '--weights', metavar='FILE', help='what the encoder starts from; its size is taken over'
    )
    parser.add_argument(
        '--encoder',
        metavar='NAME',
        help="in the place of USFM's: mmpretrain/NAME, timm/NAME, or vit, the ViT that --weights "
        'holds in any layout; without --weights it is random',
    )
    parser.add_argument(
        '--cfg-options', nargs='+', action=_Overrides, help='override settings: key=value ...'
    )
    return parser


def add_schedule_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a training; a test takes the same ones."""
    parser.add_argument('--epochs', type=int, help='length of the run and of its schedule')
    parser.add_argument('--lr', type=float, help='highest learning rate; --auto-scale-lr scales it')
    parser.add_argument(
        '--batch-size',
        type=int,
        help='images that each process loads at once; the learning rate stays as it is for '
        "the config's, unless --auto-scale-lr scales it in proportion",
    )
    parser.add_argument(
        '--balance-classes',
        action='store_const',
        const=True,
        help='draw rare classes as often as frequent ones in training',
    )
    parser.add_argument('--workers', type=int, help='processes that load data, for each of ours')


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of tools that build a runner."""
    add_schedule_options(parser)
    parser.add_argument('--work-dir', help='folder for logs and checkpoints')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')


def train_parser() -> argparse.ArgumentParser:
    """Parser of ``usfm train``, which an experiment looks at its commands with."""
    parser = config_parser('Train a model.')
    add_run_options(parser)
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='continue from a checkpoint; without a value from the latest one in the work dir, '
        'or from the start where there is none',
    )
    parser.add_argument('--amp', action='store_true', help='train in bfloat16')
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate to the images of a step, from those that it is for '
        '(auto_scale_lr.base_batch_size of the config)',
    )
    return parser


def knn_parser() -> argparse.ArgumentParser:
    """Parser of ``usfm knn``, likewise."""
    parser = config_parser('k nearest neighbours on frozen features, by the labels of training.')
    parser.add_argument(
        'checkpoint',
        nargs='?',
        help='weights, in any layout for USFMViT, else of the whole model; by default those of '
        'the config (random ones: --cfg-options model.backbone.init_cfg=None)',
    )
    parser.add_argument('--k', type=int, default=20, help='neighbours that vote (default: 20)')
    parser.add_argument(
        '--split',
        choices=('test', 'val'),
        default='test',
        help='images that are asked about; what is chosen by is val (default: test)',
    )
    parser.add_argument(
        '--cost',
        action='store_true',
        help='also measure parameters, FLOPs, images/s and memory: WORK_DIR/knn/cost.json',
    )
    parser.add_argument('--work-dir', dest='folder', help='default: work_dirs/NAME_OF_CONFIG')
    return parser
