"""``--cfg-options``: keys that nothing would read are refused."""

import inspect
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from mmengine import registry
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.runner import FlexibleRunner, Runner
from torch.utils.data import DataLoader

from usfm_mm.compat import import_host
from usfm_mm.config.places import LOADERS, places

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
    'fit_normalisation',
} - {'cfg', 'data_preprocessor'}
# Settings without a type, and what reads them.
_READERS: dict[str, Any] = dict.fromkeys(LOADERS, DataLoader) | {'optim_wrapper': OptimWrapper}
_MORE = {
    **dict.fromkeys(LOADERS, {'num_batch_per_epoch'}),
    'optim_wrapper': {'type', 'constructor', 'paramwise_cfg', 'loss_scale', 'dtype'},
}
_OWN_OPTIONS = {'data_root': '--data-root', 'image_size': '--image-size'}
_SHORT = {'lr': '--lr', 'batch_size': '--batch-size', 'num_workers': '--workers'}


def check_options(options: dict[str, Any], cfg: Config) -> None:
    """Refuse keys that nothing would read, and those that have an option of their own.

    Args:
        options: Values by dotted key.
        cfg: The config that they change.

    Raises:
        ValueError: With the nearest keys that there are.
    """
    for option in options:
        if option in _OWN_OPTIONS:
            raise ValueError(
                f'--cfg-options {option}: use {_OWN_OPTIONS[option]}, which changes it wherever '
                'it stands'
            )
        node: Any = cfg._cfg_dict
        path: list[str] = []
        for key in option.split('.'):
            known = None if isinstance(node, dict) and key in node else _known(node, path, cfg)
            if known is not None and key not in known:
                _refuse(option, key, path, known, cfg)
            if isinstance(node, (list, tuple)):
                inside = key.isdigit() and int(key) < len(node)
                node = node[int(key)] if inside else None
            else:
                node = node.get(key) if isinstance(node, dict) else None
            path.append(key)


def _known(node: Any, path: list[str], cfg: Config) -> set[str] | None:
    """Keys that may stand in a node; None where any may."""
    if not path:
        return {*node, *_OPTIONAL_KEYS}
    if isinstance(node, (list, tuple)):
        return {str(index) for index in range(len(node))}
    if not isinstance(node, dict) or not node:
        return None
    kind = node.get('type')
    reader = _READERS.get(path[0]) if len(path) == 1 else None
    reader = _class(kind, cfg) if isinstance(kind, str) else kind or reader
    if reader is None:
        return None if kind else _UnlessMisspelt(node)
    arguments, all_told = _arguments(reader)
    known = {*node, *arguments, 'type', '_scope_', *_MORE.get('.'.join(path), ())}
    return known if all_told else _UnlessMisspelt(known)


class _UnlessMisspelt(set):
    """Keys beside which others may stand, unless they look like one of them."""

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or not get_close_matches(str(key), self)


def _class(kind: str, cfg: Config) -> Any:
    """The class that a type names, in any registry; None where no registry has it."""
    import_host(cfg)
    scope, _, name = kind.rpartition('.')
    scopes = [scope] if scope else [cfg.get('default_scope') or 'mmengine', 'mmengine']
    roots = {id(root): root for root in vars(registry).values() if _is_root(root)}
    for where in scopes:
        for root in roots.values():
            try:
                found = root.get(f'{where}.{name}')
            except (ImportError, KeyError):
                found = None
            if found is not None:
                return found
    return None


def _is_root(value: Any) -> bool:
    return isinstance(value, registry.Registry) and value.parent is None


def _arguments(reader: Any) -> tuple[set[str], bool]:
    """Names of arguments, those of the bases too where a class passes more on; whether all."""
    names: set[str] = set()
    for function in _initialisers(reader):
        parameters = inspect.signature(function).parameters.values()
        names |= {p.name for p in parameters if p.kind is not p.VAR_KEYWORD}
        if all(p.kind is not p.VAR_KEYWORD for p in parameters):
            return names - {'self', 'args'}, True
    return names - {'self', 'args'}, False


def _initialisers(reader: Any) -> Iterator[Any]:
    if not inspect.isclass(reader):
        yield reader
        return
    for base in reader.__mro__[:-1]:
        if '__init__' in vars(base):
            yield vars(base)['__init__']


def _refuse(option: str, key: str, path: list[str], known: set[str], cfg: Config) -> None:
    prefix = '.'.join(path) + '.' if path else ''
    close = [] if path else [place.path for place in places(cfg._cfg_dict, {key})][:1]
    if close and key in _SHORT:
        close.insert(0, _SHORT[key])
    close = close or [f'{prefix}{name}' for name in get_close_matches(key, set(known))]
    if path and not close:
        close = sorted(set(known))
    hint = f': did you mean {" or ".join(close)}?' if close else ''
    where = f'{cfg.filename} has no {key!r}' if not path else f'{".".join(path)} takes no {key!r}'
    raise ValueError(f'--cfg-options {option}: {where}{hint}')
