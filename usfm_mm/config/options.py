"""From a command's options to its config and runner."""

import argparse
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from usfm_mm.compat import (
    check_synced,
    find_mmseg_configs,
    find_own_configs,
    forget_own_scope,
    import_host,
)
from usfm_mm.config.arch import check_widths, set_arch
from usfm_mm.config.balance import set_balance
from usfm_mm.config.cfg_options import check_options
from usfm_mm.config.classes import fit_classes
from usfm_mm.config.encoder import set_encoder
from usfm_mm.config.files import find_config
from usfm_mm.config.image_size import check_image_size, check_masks, set_image_size, set_mask_size
from usfm_mm.config.loading import set_batch_size, set_data_root, set_workers, settle_workers
from usfm_mm.config.normalisation import fit_normalisation
from usfm_mm.config.schedule import check_schedule, follow_max_epochs, set_epochs, set_lr
from usfm_mm.config.weights import check_arch, set_weights
from usfm_mm.io.atomic import check_writable

# Each option, and what puts it into all places of a config that depend on it.
_SETTERS: dict[str, Callable[[Config, Any], None]] = {
    'data_root': set_data_root,
    'image_size': set_image_size,
    'mask_size': set_mask_size,
    'weights': set_weights,
    'arch': set_arch,
    'epochs': set_epochs,
    'lr': set_lr,
    'batch_size': set_batch_size,
    'workers': set_workers,
    'balance_classes': set_balance,
}


def load_plain(name: str) -> Config:
    """Config of a file, as it stands.

    Args:
        name: As :func:`~usfm_mm.config.files.find_config` takes it.

    Raises:
        FileNotFoundError: If the file does not exist.
    """
    find_mmseg_configs()
    find_own_configs()
    cfg = Config.fromfile(find_config(name))
    forget_own_scope(cfg)
    return cfg


def load_config(args: argparse.Namespace) -> Config:
    """Config with the command line's changes merged in.

    Args:
        args: From a parser with the options above; ``checkpoint``, where it has one, is what is
            tested.

    Raises:
        FileNotFoundError: If the config file or the data folder does not exist.
        KeyError: If an option is for what the config does not have.
        ValueError: If an option does not fit the config, ``--cfg-options`` names what nothing
            reads, or two places of the result disagree.
    """
    options = args.cfg_options or {}
    cfg = load_plain(args.config)
    check_options(options, cfg)
    encoder, weights = (getattr(args, name, None) for name in ('encoder', 'weights'))
    for name, put in _SETTERS.items():
        value = getattr(args, name, None)
        if name == 'weights' and encoder:
            continue
        if name == 'arch' and value and weights and not encoder:
            check_arch(cfg, value, weights)
        elif value is not None:
            put(cfg, value)
        if name == 'arch' and encoder:  # it has given the heads their size
            set_encoder(cfg, encoder, weights)
    if options.get('fit_classes', True):
        fit_classes(cfg)
    follow_max_epochs(cfg, options)
    cfg.merge_from_dict(options)
    settle_workers(cfg, options)
    checkpoint = getattr(args, 'checkpoint', None)
    follow = bool(getattr(args, 'weights', None)) and not checkpoint
    fit_normalisation(cfg, options, checkpoint, follow)
    for check in (check_image_size, check_masks, check_widths, check_schedule):
        check(cfg)
    if 'work_dir' in args:
        cfg.launcher = args.launcher
        default = Path('work_dirs') / Path(args.config).stem
        cfg.work_dir = args.work_dir or cfg.get('work_dir') or str(default)
    return cfg


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
        OSError: If nothing can be written to the work dir.
        ValueError: If a GAN's processes would train apart.
    """
    check_writable(cfg.work_dir, 'name another folder with --work-dir')
    import_host(cfg)
    if cfg.get('default_scope') == 'mmagic':
        check_synced(cfg)
    cfg.setdefault('runner_type', 'usfm_mm.QuietRunner')
    return RUNNERS.build(cfg)
