"""What the command-line tools share: their common options and small changes to a config."""

import argparse
import inspect
from collections.abc import Iterable
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction
from mmengine.registry import RUNNERS
from mmengine.runner import FlexibleRunner, Runner

from usfm_mm.compat import (
    check_synced,
    find_mmseg_configs,
    import_mmagic,
    import_mmseg,
    quiet_imports,
)
from usfm_mm.config.overrides import fit_classes, set_arch, set_image_size

# What mmengine's runners and our tools read where a config has it. Not ``data_preprocessor``: the
# runner ignores it beside the model's own, so that it must be in the config to be meant.
_OPTIONAL_KEYS = {
    *inspect.signature(Runner).parameters,
    *inspect.signature(FlexibleRunner).parameters,
    'activation_checkpointing',
    'compile',
    'efficient_conv_bn_eval',
    'find_unused_parameters',
    'model_wrapper_cfg',
    'runner_type',
    'sync_bn',
    'check_data',
    'fit_classes',
} - {'cfg', 'data_preprocessor'}


def config_parser(description: str) -> argparse.ArgumentParser:
    """Parser with the options that every tool takes: the config and changes to it."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('config', help='config file')
    parser.add_argument('--data-root', help='data folder, in place of the one in the config')
    parser.add_argument('--image-size', type=int, help='pixels, in place of the size in the config')
    parser.add_argument('--arch', help='size of the ViT: tiny, small, base, large, huge')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='override settings: key=value ...'
    )
    return parser


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of tools that build a runner."""
    parser.add_argument('--work-dir', help='folder for logs and checkpoints')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')


def load_plain(path: str) -> Config:
    """Config of a file, as it stands.

    Raises:
        FileNotFoundError: If the file does not exist.
    """
    find_mmseg_configs()
    return Config.fromfile(path)


def load_config(args: argparse.Namespace) -> Config:
    """Config with the command line's changes merged in.

    Args:
        args: From a parser with the options above.

    Raises:
        FileNotFoundError: If the config file or the data folder does not exist.
        KeyError: If there is ``--data-root`` for a config without ``data_root``, or
            ``--image-size`` for one without ``image_size``.
        ValueError: If ``--image-size`` or ``--arch`` does not fit, or ``--cfg-options`` names what
            has an option of its own or a top-level key that neither the config nor a tool knows.
    """
    options = args.cfg_options or {}
    for name in ('data_root', 'image_size'):
        if name in options:
            raise ValueError(
                f'--cfg-options {name}: use --{name.replace("_", "-")}, which changes it wherever '
                'it stands'
            )
    cfg = load_plain(args.config)
    _check_options(options, cfg)
    if args.data_root:
        set_data_root(cfg, args.data_root)
    if args.image_size:
        set_image_size(cfg, args.image_size)
    if args.arch:
        set_arch(cfg, args.arch)
    if options.get('fit_classes', True):
        fit_classes(cfg)
    cfg.merge_from_dict(options)
    if 'work_dir' in args:
        cfg.launcher = args.launcher
        default = Path('work_dirs') / Path(args.config).stem
        cfg.work_dir = args.work_dir or cfg.get('work_dir') or str(default)
    return cfg


def _check_options(options: Iterable[str], cfg: Config) -> None:
    """Refuse a top-level key that nothing would read."""
    for option in options:
        name = option.split('.')[0]
        if name in cfg or name in _OPTIONAL_KEYS:
            continue
        parents = [key for key, value in cfg.items() if isinstance(value, dict) and name in value]
        close = [f'{key}.{name}' for key in parents]
        close = close or get_close_matches(name, {*cfg, *_OPTIONAL_KEYS})
        hint = f': did you mean {" or ".join(close)}?' if close else ''
        raise ValueError(f'--cfg-options {option}: {cfg.filename} has no {name!r}{hint}')


def set_data_root(cfg: Config, data_root: str) -> None:
    """Put ``data_root`` in the place of the config's own wherever it stands.

    Args:
        cfg: Config with a top-level ``data_root``; changed in place.
        data_root: The new folder.

    Raises:
        KeyError: If the config has no top-level ``data_root``.
        FileNotFoundError: If the folder does not exist.
    """
    if 'data_root' not in cfg:
        raise KeyError(f'{cfg.filename} has no data_root: use --cfg-options for its own names')
    if not Path(data_root).is_dir():
        raise FileNotFoundError(f'--data-root {data_root}: no such folder')
    old = cfg.data_root

    def replace(node: Any) -> None:
        if isinstance(node, dict):
            if node.get('data_root') == old:
                node['data_root'] = data_root
            node = list(node.values())
        if isinstance(node, list):
            for child in node:
                replace(child)

    replace(cfg._cfg_dict)


def add_tensorboard(cfg: Config) -> None:
    """Log to TensorBoard too, where it is installed.

    Args:
        cfg: Changed in place.
    """
    backends = cfg.get('visualizer', {}).get('vis_backends')
    known = backends is None or any('Tensorboard' in backend['type'] for backend in backends)
    if not known and find_spec('tensorboard'):
        backends.append(dict(type='mmengine.TensorboardVisBackend'))


def build_runner(cfg: Config) -> Runner:
    """Import the config's host and build its runner, with a readable console.

    Args:
        cfg: Of a run, as :func:`load_config` returns it.

    Raises:
        ModuleNotFoundError: If the host is not installed, with the command that installs it.
        ValueError: If a GAN's processes would train apart.
    """
    quiet_imports()
    if cfg.get('default_scope') == 'mmseg':
        import_mmseg()
    elif cfg.get('default_scope') == 'mmagic':
        check_synced(cfg)
        import_mmagic()
    cfg.setdefault('runner_type', 'usfm_mm.QuietRunner')
    return RUNNERS.build(cfg)
