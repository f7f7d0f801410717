"""Mean and standard deviation of the intensities: from the weights or the data, or by hand."""

import logging
from collections.abc import Sequence
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log

from usfm_mm.compat import quiet_imports
from usfm_mm.config.places import backbone_of
from usfm_mm.config.provenance import input_of
from usfm_mm.io.about import about_data

Values = tuple[list[float], list[float]]


def fit_normalisation(
    cfg: Config,
    options: dict[str, Any] | None = None,
    checkpoint: str | None = None,
    follow: bool = False,
) -> None:
    """Take mean and std from where they are known, where ``fit_normalisation`` is True.

    ``--cfg-options`` go before all. Else they are those of the checkpoint that is tested or that
    training starts from; a model without one takes those of its data, and what starts from weights
    that do not tell keeps the config's. One line says what was taken and from where.

    Args:
        cfg: Changed in place.
        options: Of ``--cfg-options``.
        checkpoint: What is tested, in place of what the config starts from.
        follow: Others by hand than those of the weights are an error, no warning.

    Raises:
        ValueError: Naming both, with ``follow``.
    """
    path, node = place_of_normalisation(cfg)
    if node is None:
        return
    weights = checkpoint or cfg.get('load_from') or _start(cfg)
    found = of_weights(weights) if weights else of_data(cfg)
    source = weights or cfg.get('data_root')
    if found is None:
        return
    now = [list(node['mean']), list(node['std'])]
    fitted = [_spread(values, _channels(cfg, node)) for values in found]
    by_hand = any(
        option in (path, f'{path}.mean', f'{path}.std') or path.startswith(f'{option}.')
        for option in options or ()
    )
    if by_hand or not cfg.get('fit_normalisation'):
        if weights and fitted != now:
            text = (
                f'Images are normalised with mean {_text(now[0])}, std {_text(now[1])}, but '
                f'{source} was trained with mean {_text(found[0])}, std {_text(found[1])}.'
            )
            if follow and by_hand:
                raise ValueError(f'{text} Leave out {path}: --weights sets both')
            _say(text, logging.WARNING)
        return
    node['mean'], node['std'] = fitted
    _say(f'Mean {_text(found[0])} and std {_text(found[1])} of intensities: of {source}.')


def of_weights(source: str) -> Values | None:
    """Mean and std that a checkpoint of ours was trained with; None where it does not tell.

    A missing or broken file does not tell either: what loads the weights says so.
    """
    quiet_imports()
    from usfm_mm.models.checkpoints.files import load_file  # torch

    try:
        found = input_of(load_file(source))
    except (OSError, ValueError):
        return None
    return found and _lists(dict(mean=found[0], std=found[1]))


def of_data(cfg: Config) -> Values | None:
    """Mean and std of the training images, as index, ``dataset.json`` or ``database.json`` tell."""
    dataset = (cfg.get('train_dataloader') or {}).get('dataset') or {}
    about = about_data(cfg.get('data_root') or '.', dataset.get('index'))
    return _lists(about) if about.get('mean') and about.get('std') else None


def place_of_normalisation(cfg: Config) -> tuple[str, dict | None]:
    """Dotted path and settings that have ``mean`` and ``std``; an empty path and None without."""
    generator = cfg.model.get('generator') or {}
    places = {
        'model.generator': generator,
        'model.data_preprocessor': cfg.model.get('data_preprocessor') or {},
        'data_preprocessor': cfg.get('data_preprocessor') or {},
    }
    for path, node in places.items():
        if node.get('mean') and node.get('std'):
            return path, node
    return '', None


def _start(cfg: Config) -> str | None:
    """Weights that training starts from."""
    return (backbone_of(cfg).get('init_cfg') or {}).get('checkpoint')


def _channels(cfg: Config, node: dict) -> int:
    if cfg.model.get('generator') is node:
        return backbone_of(cfg).get('in_channels', 3)
    return len(node['mean'])


def _lists(about: dict[str, Any]) -> Values:
    mean, std = (
        [float(v) for v in (value if isinstance(value, Sequence) else [value])]
        for value in (about['mean'], about['std'])
    )
    return mean, std


def _spread(values: list[float], channels: int) -> list[float]:
    """One value for each channel; of several, an average where the channels are others."""
    if len(values) == channels:
        return values
    return [sum(values) / len(values)] * channels


def _text(values: Sequence[float]) -> str:
    shown = [f'{value:g}' for value in values]
    return shown[0] if len(set(shown)) == 1 else f'({", ".join(shown)})'


def _say(text: str, level: int = logging.INFO) -> None:
    print_log(text, logger='current', level=level)
