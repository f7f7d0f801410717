"""Finds settings in a config wherever they stand."""

import copy
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
_PATHS = ('data_root', 'work_dir', 'load_from', 'checkpoint')


class Place(NamedTuple):
    """A setting: its dotted path, and the dict and key that hold it."""

    path: str
    node: dict
    key: str

    @property
    def value(self) -> Any:
        """What stands there."""
        return self.node[self.key]


def places(node: Any, keys: Collection[str], path: str = '') -> Iterator[Place]:
    """Entries of nested dicts and lists that have one of ``keys``.

    >>> [(place.path, place.value) for place in places({'a': [{'size': 1}, {'b': 2}]}, {'size'})]
    [('a.0.size', 1)]
    """
    entries = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in entries:
        here = f'{path}.{key}' if path else str(key)
        if isinstance(node, dict) and key in keys:
            yield Place(here, node, str(key))
        if isinstance(value, (dict, list, tuple)):
            yield from places(value, keys, here)


def loaders(cfg: Config) -> Iterator[tuple[str, dict]]:
    """Name and settings of every data loader that the config has."""
    return ((name, cfg[name]) for name in LOADERS if cfg.get(name))


def with_whole_paths(cfg: Config) -> Config:
    """A copy whose folders and checkpoints, those that are there, are named from the root.

    It means the same read from any folder.

    Args:
        cfg: Of a run; left as it is.
    """
    whole = copy.deepcopy(cfg)
    for place in places(whole._cfg_dict, _PATHS):
        if isinstance(place.value, str) and Path(place.value).exists():
            place.node[place.key] = str(Path(place.value).absolute())
    return whole


def backbone_of(cfg: Config) -> dict:
    """The encoder's settings, which a GAN has in its generator; empty where there is none."""
    return cfg.model.get('generator', cfg.model).get('backbone', {})
