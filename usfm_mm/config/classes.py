"""Classes of a prepared data set, wherever a config has them."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log

from usfm_mm.config.places import loaders

# Where dataset.json has what is learned, and its name; without a target, by task.
_KEYS = {'labels': 'label_names', 'values': 'value_names'}
_KINDS = {
    'seg': 'masks',
    'labels': 'labels of yes or no (--labels)',
    'values': 'numbers (--values)',
}


def fit_classes(cfg: Config) -> None:
    """Take the classes of a prepared data set into the config, where ``fit_classes`` is True.

    ``usfm prepare`` writes them into ``dataset.json`` under the data root. Without that
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
    target = _target(cfg)
    key = _KEYS.get(target, f'{task}_classes')
    try:
        about = json.loads(path.read_text(encoding='utf-8'))
        told = about.get(key, ()) if target else about[key]
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(
            f'{path} cannot be read ({error!r}): make it again with "usfm prepare"'
        ) from error
    if not told:
        kind = _KINDS.get(target or task, 'classes of images')
        raise ValueError(f'{path}: this data set has no {kind}, which {cfg.filename} needs')
    classes = list(told)
    if target == 'values':
        cfg.model['head'].update({k: [told[name][k] for name in classes] for k in ('mean', 'std')})
    datasets = [loader['dataset'] for _, loader in loaders(cfg)]
    if all(list(dataset.metainfo['classes']) == classes for dataset in datasets):
        return
    for node in (*datasets, *([cfg] if 'metainfo' in cfg else [])):
        node['metainfo'] = _metainfo(task, classes)
    _set_num_classes(cfg, len(classes))
    print_log(f'Classes of {path}: {", ".join(classes)}', logger='current', level=logging.INFO)


def _target(cfg: Config) -> str:
    """What is learned of a table's images and clips; '' in other data sets."""
    dataset = cfg.train_dataloader.dataset
    return dataset.get('target', '') if dataset.get('type') == 'usfm_mm.TableDataset' else ''


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
