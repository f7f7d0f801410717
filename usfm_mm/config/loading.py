"""Data root, batch size and workers of all data loaders."""

from pathlib import Path
from typing import Any

from mmengine.config import Config

from usfm_mm.config.places import loaders, places


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
        raise FileNotFoundError(
            f'--data-root {data_root}: no such folder; "usfm prepare" and, for pre-training, "usfm '
            'index" make data ready'
        )
    old = cfg.data_root
    for place in places(cfg._cfg_dict, {'data_root'}):
        if place.value == old:
            place.node[place.key] = data_root


def check_data_root(cfg: Config) -> None:
    """See that the data folder is there, before anything is built.

    Raises:
        FileNotFoundError: It is not; addresses with ``://`` are left to what reads them.
    """
    root = cfg.get('data_root')
    if root and '://' not in str(root) and not Path(root).is_dir():
        raise FileNotFoundError(
            f'{root}: no such folder of data. --data-root names yours, as "usfm prepare" or, for '
            'pre-training, "usfm index" made it'
        )


def set_batch_size(cfg: Config, size: int) -> None:
    """Images that each process loads at once, in training, validation and test.

    The learning rate stays: ``--auto-scale-lr`` scales it to the images of a step.

    Raises:
        ValueError: If ``size`` is below 1, or a batch sampler of the config decides.
    """
    if size < 1:
        raise ValueError(f'--batch-size must be at least 1, got {size}')
    for name, loader in loaders(cfg):
        if (loader.get('batch_sampler') or {}).get('batch_size'):
            raise ValueError(f'--batch-size: {name}.batch_sampler has its own')
        loader['batch_size'] = size


def set_workers(cfg: Config, workers: int) -> None:
    """Processes that load data, for each loader of each process; 0 loads in the process itself.

    Raises:
        ValueError: If ``workers`` is negative.
    """
    if workers < 0:
        raise ValueError(f'--workers must be at least 0, got {workers}')
    for _, loader in loaders(cfg):
        loader['num_workers'] = workers
        loader['persistent_workers'] = workers > 0


def settle_workers(cfg: Config, options: dict[str, Any]) -> None:
    """Take away what a loader without workers cannot have: PyTorch would refuse it.

    Args:
        cfg: Changed in place.
        options: Of ``--cfg-options``.

    Raises:
        ValueError: If these ask for workers that persist where there are none.
    """
    for name, loader in loaders(cfg):
        if loader.get('num_workers', 0):
            continue
        if options.get(f'{name}.persistent_workers'):
            raise ValueError(
                f'{name}.persistent_workers=True, but {name}.num_workers is 0: use --workers'
            )
        if loader.get('persistent_workers'):
            loader['persistent_workers'] = False
        loader.pop('prefetch_factor', None)
