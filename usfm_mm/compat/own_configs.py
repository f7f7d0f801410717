"""Configs that inherit from ours by ``usfm_mm::``."""

from typing import Any

from mmengine.config import Config
from mmengine.config import utils as config_utils


def find_own_configs() -> None:
    """Let ``_base_ = 'usfm_mm::usfm/seg_custom_upernet.py'`` be found.

    mmengine inherits from the packages of a list of its own alone, and looks for an editable
    install among the installed packages. It asks for the folder of whatever is no distribution by
    import: of a module, that is the package's folder. (No upstream issue was found.)
    """
    config_utils.MODULE2PACKAGE['usfm_mm'] = 'usfm_mm.registry'


def forget_own_scope(cfg: Config) -> None:
    """Remove the scope that mmengine stamps on all that is inherited from ``usfm_mm::``.

    With ``_scope_='usfm_mm'`` a host's types, which our configs name without a prefix, are looked
    up among ours and not found. Ours carry their prefix and need no scope.

    Args:
        cfg: Changed in place.
    """
    _forget(cfg._cfg_dict)


def _forget(node: Any) -> None:
    if isinstance(node, dict):
        if node.get('_scope_') == 'usfm_mm':
            del node['_scope_']
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for child in node:
            _forget(child)
