"""Changes to a config that concern several of its places at once: image size, width, classes."""

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log

_SIZE_KEYS = ('scale', 'crop_size', 'size', 'img_size', 'input_size')
_WIDTH_KEYS = ('in_channels', 'embed_dim')
_VITS = ('usfm_mm.USFMViT', 'usfm_mm.SimMIMViT')


def set_image_size(cfg: Config, size: int) -> None:
    """Put ``size`` in the place of the config's own wherever it stands in data and model.

    Args:
        cfg: Config with a top-level ``image_size``; changed in place.
        size: Side of the square images that the model sees, pixels.

    Raises:
        KeyError: If the config has no top-level ``image_size``.
        ValueError: If ``size`` is not a multiple of the backbone's patch, or of what the config's
            ``size_divisor`` says.
    """
    if 'image_size' not in cfg:
        raise KeyError(f'{cfg.filename} has no image_size: use --cfg-options for its own names')
    test_cfg = (cfg.model.get('data_preprocessor') or {}).get('test_cfg') or {}
    multiple = test_cfg.get('size_divisor', _backbone(cfg).get('patch_size', 16))
    if size < 1 or size % multiple:
        raise ValueError(f'--image-size {size} is not a multiple of {multiple}')
    old = cfg.image_size

    def replaced(value: Any) -> Any:
        if isinstance(value, (tuple, list)):
            return type(value)(size if side == old else side for side in value)
        return size if value == old else value

    _replace(cfg._cfg_dict, _SIZE_KEYS, replaced)
    cfg.image_size = size


def set_arch(cfg: Config, arch: str) -> None:
    """Build the config's ``USFMViT`` in another size, and what follows it as wide.

    Where several blocks are used, those at the same share of the depth are: 3, 5, 7, 11 of 12 are
    7, 11, 15, 23 of 24.

    Args:
        cfg: Config whose backbone is ``USFMViT``; changed in place.
        arch: A name of ``USFMViT.arch_zoo``.

    Raises:
        ValueError: If the backbone is another one or has no named ``arch``, or ``arch`` is unknown.
    """
    from usfm_mm.models.usfm_vit import USFMViT  # imports mmpretrain: seconds

    backbone = _backbone(cfg)
    zoo = USFMViT.arch_zoo
    if backbone.get('type') not in _VITS or str(backbone.get('arch')) not in zoo:
        raise ValueError(
            f'--arch is for usfm_mm.USFMViT with an arch of {", ".join(zoo)}; '
            f'{cfg.filename} has {backbone.get("type")}'
        )
    if arch not in zoo:
        raise ValueError(f'--arch is one of {", ".join(zoo)}, not {arch}')
    old, new = zoo[backbone.arch], zoo[arch]

    def replaced(value: Any) -> Any:
        if isinstance(value, (tuple, list)):
            return type(value)(replaced(width) for width in value)
        return new['embed_dims'] if value == old['embed_dims'] else value

    for name in ('neck', 'head', 'decode_head', 'auxiliary_head'):
        if cfg.model.get(name):
            _replace(cfg.model[name], _WIDTH_KEYS, replaced)
    backbone.arch = arch
    if isinstance(backbone.get('out_indices'), (list, tuple)):
        backbone.out_indices = [
            (index + 1) * new['num_layers'] // old['num_layers'] - 1
            for index in backbone.out_indices
        ]


def fit_classes(cfg: Config) -> None:
    """Take the classes of a prepared data set into the config, where ``fit_classes`` is True.

    ``tools/prepare_data.py`` writes them into ``dataset.json`` under the data root. Without that
    file the config is left as it is.

    Args:
        cfg: Downstream config; changed in place.

    Raises:
        ValueError: If ``dataset.json`` cannot be read or has no classes for the config's task.
    """
    path = Path(cfg.get('data_root') or '.') / 'dataset.json'
    if not cfg.get('fit_classes') or not path.is_file():
        return
    task = 'seg' if cfg.default_scope == 'mmseg' else 'cls'
    try:
        classes = json.loads(path.read_text(encoding='utf-8'))[f'{task}_classes']
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(
            f'{path} cannot be read ({error!r}): make it again with tools/prepare_data.py'
        ) from error
    if not classes:
        kind = 'masks' if task == 'seg' else 'classes of images'
        raise ValueError(f'{path}: this data set has no {kind}, which {cfg.filename} needs')
    datasets = [
        cfg[f'{split}_dataloader'].dataset
        for split in ('train', 'val', 'test')
        if cfg.get(f'{split}_dataloader')
    ]
    if all(list(dataset.metainfo['classes']) == classes for dataset in datasets):
        return
    for dataset in datasets:
        dataset.metainfo = _metainfo(task, classes)
    _set_num_classes(cfg, len(classes))
    print_log(f'Classes of {path}: {", ".join(classes)}', logger='current', level=logging.INFO)


def _backbone(cfg: Config) -> Any:
    """The encoder's config, which a GAN has in its generator."""
    return cfg.model.get('generator', cfg.model).get('backbone', {})


def _metainfo(task: str, classes: Sequence[str]) -> dict[str, Any]:
    if task == 'cls':
        return dict(classes=tuple(classes))
    from usfm_mm.visualization.figures import class_colours  # matplotlib

    colours = [
        [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        for colour in class_colours(len(classes) - 1)
    ]
    return dict(classes=tuple(classes), palette=[[0, 0, 0], *colours])


def _set_num_classes(cfg: Config, count: int) -> None:
    for name in ('head', 'decode_head', 'auxiliary_head'):
        heads = cfg.model.get(name) or []
        for head in [heads] if isinstance(heads, dict) else heads:
            head['num_classes'] = count
            if 'out_channels' in head:
                head['out_channels'] = count
    if 'num_classes' in cfg.get('data_preprocessor', {}):
        cfg.data_preprocessor.num_classes = count


def _replace(node: Any, keys: Sequence[str], replaced: Callable[[Any], Any]) -> None:
    """Apply ``replaced`` to the values of ``keys`` in nested dicts and lists."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in keys:
                node[key] = replaced(value)
    for child in node.values() if isinstance(node, dict) else node:
        if isinstance(child, (dict, list)):
            _replace(child, keys, replaced)
