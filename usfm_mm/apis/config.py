"""Small changes to a config that the command-line tools share."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mmengine.config import Config


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
